# For the tests of the command line: nothing here leaves this machine.
# shellcheck shell=bash disable=SC2016,SC2154 # what is in single quotes expands inside of alone(); bats sets status

idleprobe=${IDLEPROBE:-$BATS_TEST_DIRNAME/../../build/idleprobe}

# Runs a bash script in a network of its own, where only the loopback interface is up. What it prints is kept beside the
# test's directory, for tests/schema.
alone() {
	local user=--map-root-user
	[[ $(id -u) != 0 ]] || user=--net
	idleprobe=$idleprobe PATH=$PATH:/usr/sbin:/sbin timeout 60 unshare --net --mount "$user" bash -c "
		ip link set lo up
		cd '$BATS_TEST_TMPDIR'
		$1" | tee -a "$BATS_TEST_TMPDIR.out"
	return "${PIPESTATUS[0]}"
}

# For scripts in alone(): a server on port 7440 that accepts everything and says nothing, until the script ends.
# shellcheck disable=SC2034
hold='
	python3 -c "
import socket
server = socket.create_server((\"127.0.0.1\", 7440), backlog=200)
held = []
while True: held.append(server.accept())" &
	server=$!
	trap "kill $server" EXIT
	until ss -Hltn | grep -q 7440; do sleep 0.05; done
'

# The run ended with this exit code and said this (an extended regular expression).
expect() {
	if [[ $status != "$1" ]]; then
		echo "exit code $status, not $1: $output"
		return 1
	fi
	if [[ ! $output =~ $2 ]]; then
		echo "not said: $2"
		echo "but: $output"
		return 1
	fi
}

#!/usr/bin/env bats
# What `make install` and the Debian package put on a system, and that both take away all of it again.
# shellcheck disable=SC2154,SC2016 # bats sets status and output; single quotes: it expands in the chroot

bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/../..

setup_file() {
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$BATS_TEST_DIRNAME/../.." all deb >"$BATS_FILE_TMPDIR/log" 2>&1 || {
		tail -n 40 "$BATS_FILE_TMPDIR/log"
		return 1
	}
}

installed() { (cd "$1" && find . ! -type d | sort); }

@test "make install puts all in place, and make uninstall takes all away" {
	make -s -C "$root" install DESTDIR="$BATS_TEST_TMPDIR/system" PREFIX=/opt/tools
	cd "$BATS_TEST_TMPDIR/system"
	diff - <(installed .) <<-'END'
		./opt/tools/bin/idleprobe
		./opt/tools/lib/systemd/system/idleprobe-fleet.service
		./opt/tools/lib/systemd/system/idleprobe-fleet.timer
		./opt/tools/lib/systemd/system/idleprobe-respond.service
		./opt/tools/share/bash-completion/completions/idleprobe
		./opt/tools/share/fish/vendor_completions.d/idleprobe.fish
		./opt/tools/share/idleprobe/dashboard.json
		./opt/tools/share/idleprobe/idleprobe.rules.yml
		./opt/tools/share/man/man1/idleprobe.1
		./opt/tools/share/zsh/site-functions/_idleprobe
	END
	opt/tools/bin/idleprobe --version
	grep -qx 'ExecStart=/opt/tools/bin/idleprobe respond $OPTIONS' opt/tools/lib/systemd/system/idleprobe-respond.service
	! grep -h ^Exec opt/tools/lib/systemd/system/* | grep -v '=!\?/opt/tools/bin/idleprobe ' || false
	if [ "$(id -u)" = 0 ]; then
		[[ $(getcap opt/tools/bin/idleprobe) == *cap_net_raw=ep ]]
	fi
	make -s -C "$root" uninstall DESTDIR="$PWD" PREFIX=/opt/tools
	[ -z "$(installed .)" ]
}

@test "make install GROUP= grants the capability to a copy that the group may execute" {
	make -s -C "$root" install DESTDIR="$BATS_TEST_TMPDIR/system" PREFIX=/usr GROUP="$(id -gn)"
	cd "$BATS_TEST_TMPDIR/system/usr"
	[ "$(stat -c %a bin/idleprobe libexec/idleprobe)" = $'755\n750' ]
	if [ "$(id -u)" = 0 ]; then
		[[ $(getcap libexec/idleprobe) == *cap_net_raw=ep ]]
		[ -z "$(getcap bin/idleprobe)" ]
	fi
	make -s -C "$root" uninstall DESTDIR="$BATS_TEST_TMPDIR/system" PREFIX=/usr
	[ -z "$(installed .)" ]
}

@test "where the capability cannot be granted, installing says how to" {
	run make -s -C "$root" install DESTDIR="$BATS_TEST_TMPDIR/system" PREFIX=/usr SETCAP=false
	[ "$status" = 0 ]
	[[ $output == *"sudo setcap cap_net_raw+ep $BATS_TEST_TMPDIR/system/usr/bin/idleprobe" ]]
}

@test "lintian has neither errors nor warnings" {
	run lintian --no-cfg --allow-root --fail-on error,warning "$root"/build/deb/*.changes
	echo "$output"
	[ "$status" = 0 ]
}

# Runs a script on a copy of this system that is forgotten afterwards: with the package as /package.deb, a network where only
# the loopback interface is up, and what was changed in /changed.
aside() {
	timeout 120 unshare --mount --net --pid --fork --kill-child bash -ec '
		mount --make-rprivate /
		ip link set lo up
		mount -t tmpfs tmpfs "$1"
		mkdir "$1"/{upper,work,system}
		mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/system"
		cd "$1/system"
		mkdir -p changed
		cp "$2" package.deb
		mount --rbind /dev dev
		mount -t proc proc proc
		mount -t tmpfs tmpfs run
		mount -t tmpfs tmpfs tmp
		mount --bind "$1/upper" changed
		exec chroot . bash -ec "$3"' aside "$BATS_TEST_TMPDIR" "$(echo "$root"/build/deb/idleprobe_*.deb)" "
			as() { setpriv --reuid=65534 --regid=65534 \"\$@\"; } # with its groups
			$1"
}

@test "the package: members of the group measure without root, everybody may do the rest, and purging leaves nothing" {
	[ "$(id -u)" = 0 ] || skip 'only root can install a package'
	run aside '
		cp /etc/group /etc/passwd /tmp
		dpkg -i /package.deb
		[ "$(idleprobe --version)" = "idleprobe $(dpkg-query -W -f "\${Version}" idleprobe)" ]
		stat -c "%n %A %U:%G" /usr/bin/idleprobe /usr/libexec/idleprobe
		getcap /usr/bin/idleprobe /usr/libexec/idleprobe
		member=--groups=$(getent group idleprobe | cut -d: -f3)
		[ ! -e /etc/systemd/system/multi-user.target.wants/idleprobe-respond.service ]
		[ ! -e /etc/systemd/system/timers.target.wants/idleprobe-fleet.timer ]

		setpriv --reuid=65534 --regid=65534 --clear-groups idleprobe respond --listen 127.0.0.1 & responder=$!
		sleep 1
		as --clear-groups idleprobe help >/dev/null
		as --clear-groups idleprobe measure --engine raw --max-idle 3 --connections 8 127.0.0.1 || echo "stranger: $?"
		as --clear-groups idleprobe measure --json --max-idle 3 --connections 8 127.0.0.1 >/tmp/plain && echo "stranger, plain: $?"
		as $member idleprobe measure --json --max-idle 3 --connections 8 127.0.0.1 >/tmp/report && echo "member: $?"
		jq -r "\"\(.method.engine) \(.result.outcome)\"" /tmp/plain /tmp/report
		kill $responder; wait $responder

		dpkg --remove idleprobe
		[ ! -e /usr/bin/idleprobe ] && [ ! -e /usr/libexec/idleprobe ]
		dpkg --purge idleprobe
		cmp /etc/group /tmp/group
		cmp /etc/passwd /tmp/passwd
		cd /changed
		find . -type f ! -path "./var/l*" ! -path "./var/cache/*" ! -path ./package.deb ! -name "*-" -printf "changed: %p\n"'
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'/usr/bin/idleprobe -rwxr-xr-x root:root'* ]]
	[[ $output == *'/usr/libexec/idleprobe -rwxr-x--- root:idleprobe'* ]]
	[[ $output == *'/usr/libexec/idleprobe cap_net_raw=ep'* ]]
	[[ $output != *'/usr/bin/idleprobe cap_net_raw'* ]]
	[[ $output == *'that is for members of the group idleprobe. Join it with'*'usermod -aG idleprobe'*'stranger: 4'* ]]
	[[ $output == *'stranger, plain: 0'*'member: 0'*'socket no_timeout'*'raw no_timeout'* ]]
	[[ $output != *'changed: '*idleprobe* ]]
}

@test "the package: a mode that the administrator has set is kept" {
	[ "$(id -u)" = 0 ] || skip 'only root can install a package'
	run aside '
		dpkg-statoverride --add root root 0700 /usr/libexec/idleprobe
		dpkg -i /package.deb
		stat -c "%A %U:%G" /usr/libexec/idleprobe
		dpkg -i /package.deb # again, as an upgrade does
		stat -c "%A %U:%G" /usr/libexec/idleprobe'
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -cx -e '-rwx------ root:root' <<<"$output")" = 2 ]
}

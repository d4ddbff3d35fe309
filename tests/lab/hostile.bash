# For commands that run inside scripts/testbed: those who mean ill, see hostile.py.
# shellcheck shell=bash

# NAMESPACE COMMAND...
in_namespace() {
	if [[ $1 == client ]]; then "${@:2}"; else ip netns exec "$@"; fi
}

# NODE FAMILY COUNT SECONDS [quiet]: a blind flood of COUNT packets on each connection that the client, or the
# server, now has, in the name of its other end.
flood() {
	local node=$1 mac link local_end peer ports='' from='' to='' port="= :$TESTBED_PORT"
	mac=$(in_namespace "$node" cat /sys/class/net/eth0/address)
	[[ $node == client ]] && link=lan || link=wan
	while read -r _ _ local_end peer; do
		from=${peer%:*} to=${local_end%:*}
		ports+=${ports:+,}${peer##*:}-${local_end##*:}
	done < <(in_namespace "$node" ss -Htn"$2" state established "( sport $port or dport $port )")
	nice -n 19 ip netns exec gateway tests/lab/hostile.py \
		blind $link "$mac" "${from//[][]/}" "${to//[][]/}" "$ports" "${@:3}"
}

# For commands that run inside scripts/testbed: things that go wrong in the middle of a measurement.
# shellcheck shell=bash

# [COUNT]: waits until the server has a connection, or so many.
connected() {
	until (($(ip netns exec server ss -Htn state established | wc -l) >= ${1-1})); do sleep 0.02; done
}

# The server process dies, and the kernel closes its connections (FIN).
server_stop() {
	local pid
	pid=$(<"$TESTBED_DIR/server.pid")
	rm "$TESTBED_DIR/server.pid"
	kill -KILL "$pid"
	while [[ $(ps -o stat= -p "$pid") == [!Z]* ]]; do sleep 0.02; done
}

server_start() {
	($TESTBED_START_SERVER </dev/null >>"$TESTBED_DIR/server.log" 2>&1 &) # a subshell, so that the caller's $! stays
	until [[ -s $TESTBED_DIR/server.pid ]]; do sleep 0.02; done
}

# The whole machine restarts: it says nothing when it goes, and then knows no connection (RST to each late segment).
server_reboot() {
	ip netns exec server nft 'add table inet reboot
		add chain inet reboot out { type filter hook output priority 0; policy drop; }'
	server_stop
	ip netns exec server ss --tcp --kill state all >/dev/null
	server_start
	ip netns exec server nft delete table inet reboot
}

# The gateway forgets every connection at once.
gateway_flush() {
	ip netns exec gateway conntrack --flush 2>/dev/null
}

# [INTERFACE [PORT]]: nothing gets through that arrives there (at either), but from or to that port, and nobody says so.
outage_begin() {
	ip netns exec gateway nft "add table inet outage
		add chain inet outage pre { type filter hook prerouting priority raw; }
		${2:+add rule inet outage pre meta l4proto tcp tcp sport $2 accept}
		${2:+add rule inet outage pre meta l4proto tcp tcp dport $2 accept}
		add rule inet outage pre ${1:+iifname $1} drop"
}

outage_end() {
	ip netns exec gateway nft delete table inet outage
}

# SECONDS: the client's interface goes down and comes back, with the routes and the address that the kernel then drops.
interface_bounce() {
	ip link set eth0 down
	sleep "$1"
	ip link set eth0 up
	ip address replace 2001:db8:1::10/64 dev eth0
	ip route add default via 192.0.2.1
	ip route add default via 2001:db8:1::1
}

# SECONDS: a queue without room for a packet: the kernel says ENOBUFS to whoever sends.
queue_full() {
	tc qdisc replace dev eth0 root pfifo limit 0
	sleep "$1"
	tc qdisc delete dev eth0 root
}

# The port of a measurement's control channel, which alone carries payload from the client; waits until there is one.
control_port() {
	local port
	until
		port=$(ss -HtniO state established | awk '/bytes_sent:/ { sub(/.*:/, "", $3); print $3; exit }')
		[[ $port ]]
	do sleep 0.02; done
	echo "$port"
}

# PORT: the gateway forgets the connection from the client's port.
gateway_forget() {
	ip netns exec gateway conntrack -D -p tcp --orig-port-src "$1" >/dev/null 2>&1 ||
		ip netns exec gateway conntrack -D -f ipv6 -p tcp --orig-port-src "$1" >/dev/null 2>&1
}

# What the client sends to the server's port is looked at as it arrives there, until payload_seen() tells of it.
payload_watch() {
	ip netns exec server tcpdump --immediate-mode -s 128 -nnlqi eth0 "tcp dst port $TESTBED_PORT" \
		>"$TESTBED_DIR/arrived" 2>"$TESTBED_DIR/tcpdump.log" &
	watching=$!
	until grep -q listening "$TESTBED_DIR/tcpdump.log"; do sleep 0.02; done
}

payload_seen() {
	kill -INT "$watching"
	wait "$watching"
	grep -q '^0 packets dropped by kernel' "$TESTBED_DIR/tcpdump.log" || cat "$TESTBED_DIR/tcpdump.log"
	awk '{ octets += $NF } END { print NR " segments, " octets + 0 " octets of payload" }' "$TESTBED_DIR/arrived"
}

# COUNT: the server gets so many addresses more, every second an IPv6 one; prints a target for each.
servers() {
	local i
	ip -n gateway route add 198.51.100.0/24 via "$TESTBED_SERVER4"
	ip -n gateway route add 2001:db8:3::/64 via "$TESTBED_SERVER6"
	for ((i = 1; i <= $1; i++)); do
		if ((i % 2)); then echo "198.51.100.$i"; else echo "2001:db8:3::$i"; fi
	done | sed 's/.*/address add & dev eth0/; /:/s/$/ nodad/' | ip -n server -batch -
	for ((i = 1; i <= $1; i++)); do
		if ((i % 2)); then echo "198.51.100.$i:$TESTBED_PORT"; else echo "[2001:db8:3::$i]:$TESTBED_PORT"; fi
	done
}

# NAMESPACE: what opens and ends connections is watched there, until closings_seen() writes what closings.py makes of it.
closings_watch() {
	ip netns exec "$1" tcpdump --immediate-mode -B 16384 -s 96 -nni eth0 -w "$TESTBED_DIR/closings" \
		"tcp port $TESTBED_PORT and (tcp[13] & 7 != 0 or ip6[53] & 7 != 0)" 2>"$TESTBED_DIR/tcpdump.log" &
	watching=$!
	until grep -q listening "$TESTBED_DIR/tcpdump.log"; do sleep 0.02; done
}

closings_seen() {
	sleep 0.5
	kill -INT "$watching"
	wait "$watching"
	grep -q '^0 packets dropped by kernel' "$TESTBED_DIR/tcpdump.log" || cat "$TESTBED_DIR/tcpdump.log"
	tcpdump -nnttSr "$TESTBED_DIR/closings" 2>/dev/null | tests/lab/closings.py "$TESTBED_PORT"
}

# ARGUMENT...: a bad wire (wire.py) between the client and the gateway, from now on
wire_insert() {
	ip netns add wire
	ip link set eth0 netns wire
	ip -n wire link set eth0 up
	ip link add eth0 type veth peer name client netns wire
	ip -n wire link set client up
	ip -batch - <<-END
		address add 192.0.2.10/24 dev eth0
		address add 2001:db8:1::10/64 dev eth0 nodad
		link set eth0 up
		route add default via 192.0.2.1
		route add default via 2001:db8:1::1
	END
	ip netns exec wire tests/lab/wire.py client eth0 "$@" >"$TESTBED_DIR/wire.log" 2>&1 &
	until [[ -s $TESTBED_DIR/wire.log ]]; do sleep 0.02; done
}

# SECONDS: the whole gateway restarts: it knows no connection, and for so long it has no addresses either.
gateway_reboot() {
	ip -n gateway address flush dev lan
	ip -n gateway address flush dev wan
	gateway_flush
	sleep "$1"
	gateway_flush
	ip -batch - -n gateway <<-END
		address add 192.0.2.1/24 dev lan
		address add 2001:db8:1::1/64 dev lan nodad
		address add 203.0.113.1/24 dev wan
		address add 2001:db8:2::1/64 dev wan nodad
	END
}

# The route to the server leads through another gateway from now on, by another interface; that one has a NAT of its own.
route_detour() {
	ip netns add detour
	ip link add eth1 type veth peer name lan netns detour
	ip -n detour link add wan type veth peer name eth1 netns server
	ip address add 192.0.2.10/32 dev eth1
	ip link set eth1 up
	ip -n detour address add 192.0.2.2/32 dev lan
	ip -n detour address add 198.51.100.1/24 dev wan
	ip -n detour link set lan up
	ip -n detour link set wan up
	ip -n server address add 198.51.100.10/24 dev eth1
	ip -n server link set eth1 up
	ip -n detour route add 192.0.2.10/32 dev lan
	ip -n detour route add 203.0.113.10/32 via 198.51.100.10
	ip netns exec detour sysctl -qw net.ipv4.ip_forward=1
	ip netns exec detour nft 'add table inet nat
		add chain inet nat post { type nat hook postrouting priority srcnat; }
		add rule inet nat post oifname wan masquerade'
	ip route add 192.0.2.2/32 dev eth1
	ip route replace 203.0.113.10/32 via 192.0.2.2 dev eth1 src 192.0.2.10
}

#include "core/recipes.h"

#include <stdio.h>
#include <string.h>

/* The words in braces are replaced by numbers: recipes_give(). Above each row: the pages that document it. */
struct template {
	const char *name;
	const char *keepalive; /* where keepalives hold the path open */
	const char *heartbeat; /* where only payload does; NULL where this layer has none to send */
};

static const struct template templates[] = {
	/* docs.kernel.org/networking/ip-sysctl.html; for IPv6 as well. */
	{ "linux",
		"net.ipv4.tcp_keepalive_time = {time}\n"
		"net.ipv4.tcp_keepalive_intvl = {intvl}\n"
		"net.ipv4.tcp_keepalive_probes = {probes}\n",
		NULL },
	/* tcp(7), socket(7): man7.org/linux/man-pages/man7/tcp.7.html */
	{ "c",
		"/* <sys/socket.h>, <netinet/in.h>, <netinet/tcp.h> */\n"
		"setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ {time} }, sizeof(int));\n"
		"setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ {intvl} }, sizeof(int));\n"
		"setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ {probes} }, sizeof(int));\n"
		"setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));\n",
		NULL },
	/* www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS,
	 * .../runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT (since 14) */
	{ "postgresql",
		"# postgresql.conf, for new sessions after a reload\n"
		"tcp_keepalives_idle = {time}\n"
		"tcp_keepalives_interval = {intvl}\n"
		"tcp_keepalives_count = {probes}\n",
		"# postgresql.conf: what makes the server itself close idle sessions; 0 is never\n"
		"idle_session_timeout = 0\n"
		"idle_in_transaction_session_timeout = 0\n" },
	/* www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS */
	{ "libpq",
		"keepalives=1 keepalives_idle={time} keepalives_interval={intvl} keepalives_count={probes}\n",
		"-- on each idle connection, every {beat} s\n"
		"SELECT 1;\n" },
	/* Server (sql/sql_connect.cc) and client (sql-common/client.c) call vio_keepalive(), without times.
	 * dev.mysql.com/doc/refman/en/server-system-variables.html#sysvar_wait_timeout,
	 * dev.mysql.com/doc/c-api/en/mysql-ping.html */
	{ "mysql",
		"# MySQL sets SO_KEEPALIVE at both ends; the times are the kernel's: /etc/sysctl.d/\n"
		"net.ipv4.tcp_keepalive_time = {time}\n"
		"net.ipv4.tcp_keepalive_intvl = {intvl}\n"
		"net.ipv4.tcp_keepalive_probes = {probes}\n",
		"# Clients: mysql_ping(), or DO 0, on each idle connection, every {beat} s.\n"
		"# my.cnf: when the server itself closes idle connections, in seconds\n"
		"[mysqld]\n"
		"wait_timeout = {wait}\n"
		"interactive_timeout = {wait}\n" },
	/* mariadb.com/docs/server/ref/mdb/cli/mariadbd/tcp-keepalive-time and its neighbours */
	{ "mariadb",
		"# my.cnf, MariaDB 10.3.3 or later\n"
		"[mariadb]\n"
		"tcp_keepalive_time = {time}\n"
		"tcp_keepalive_interval = {intvl}\n"
		"tcp_keepalive_probes = {probes}\n",
		"# Clients: mysql_ping(), or DO 0, on each idle connection, every {beat} s.\n"
		"# my.cnf: when the server itself closes idle connections, in seconds\n"
		"[mariadb]\n"
		"wait_timeout = {wait}\n"
		"interactive_timeout = {wait}\n" },
	/* man.openbsd.org/ssh_config#ServerAliveInterval: a message, which is payload to the path.
	 * (TCPKeepAlive would leave the times to the kernel.) */
	{ "ssh_client",
		"# ~/.ssh/config\n"
		"Host *\n"
		"    ServerAliveInterval {time}\n"
		"    ServerAliveCountMax 3\n",
		"# ~/.ssh/config\n"
		"Host *\n"
		"    ServerAliveInterval {beat}\n"
		"    ServerAliveCountMax 3\n" },
	/* man.openbsd.org/sshd_config#ClientAliveInterval */
	{ "ssh_server",
		"# sshd_config\n"
		"ClientAliveInterval {time}\n"
		"ClientAliveCountMax 3\n",
		"# sshd_config\n"
		"ClientAliveInterval {beat}\n"
		"ClientAliveCountMax 3\n" },
	/* nginx.org/en/docs/http/ngx_http_core_module.html#listen (the stream module's is alike),
	 * .../ngx_http_proxy_module.html#proxy_socket_keepalive, #proxy_read_timeout,
	 * nginx.org/en/docs/stream/ngx_stream_proxy_module.html#proxy_timeout */
	{ "nginx",
		"# to its clients, in http and in stream\n"
		"listen 443 so_keepalive={time}s:{intvl}s:{probes};\n"
		"# to its upstreams, with the times of the kernel (see linux)\n"
		"proxy_socket_keepalive on;\n",
		"# stream\n"
		"proxy_timeout {longer}s;\n"
		"# http: WebSocket, gRPC (grpc_...) and long answers, and connections between requests\n"
		"proxy_read_timeout {longer}s;\n"
		"proxy_send_timeout {longer}s;\n"
		"keepalive_timeout {longer}s;\n" },
	/* docs.haproxy.org/3.2/configuration.html#4.2-clitcpka-idle and its neighbours, #4.2-timeout%20tunnel
	 * (for TCP and upgraded HTTP, once both ends have sent something). */
	{ "haproxy",
		"defaults\n"
		"    option clitcpka\n"
		"    clitcpka-idle {time}s\n"
		"    clitcpka-intvl {intvl}s\n"
		"    clitcpka-cnt {probes}\n"
		"    option srvtcpka\n"
		"    srvtcpka-idle {time}s\n"
		"    srvtcpka-intvl {intvl}s\n"
		"    srvtcpka-cnt {probes}\n",
		"defaults\n"
		"    timeout client {longer}s\n"
		"    timeout server {longer}s\n"
		"    timeout tunnel {longer}s\n"
		"    timeout http-keep-alive {longer}s\n" },
	/* redis.io/docs/latest/develop/reference/clients/#tcp-keepalive; src/anet.c, anetKeepAlive() */
	{ "redis",
		"# redis.conf, or CONFIG SET; two more probes follow, a third of this apart\n"
		"tcp-keepalive {time}\n",
		"# Clients: PING on each idle connection, every {beat} s (a subscriber may as well).\n"
		"# redis.conf: after how many seconds the server itself closes idle clients; 0 is never\n"
		"timeout 0\n" },
	/* github.com/grpc/grpc/blob/master/doc/keepalive.md. Pings are HTTP/2 frames: payload to the path. By
	 * default a server ends a connection that sends one more than every 5 min, or between calls. */
	{ "grpc",
		"# channel arguments, as in Python (grpc-go: keepalive.ClientParameters, 10 s at least)\n"
		"client = [(\"grpc.keepalive_time_ms\", {time_ms}), (\"grpc.keepalive_timeout_ms\", 20000),\n"
		"          (\"grpc.keepalive_permit_without_calls\", 1),\n"
		"          (\"grpc.http2.max_pings_without_data\", 0)]\n"
		"server = [(\"grpc.http2.min_ping_interval_without_data_ms\", {intvl_ms}),\n"
		"          (\"grpc.keepalive_permit_without_calls\", 1)]\n",
		"# channel arguments, as in Python (grpc-go: keepalive.ClientParameters, 10 s at least)\n"
		"client = [(\"grpc.keepalive_time_ms\", {beat_ms}), (\"grpc.keepalive_timeout_ms\", 20000),\n"
		"          (\"grpc.keepalive_permit_without_calls\", 1),\n"
		"          (\"grpc.http2.max_pings_without_data\", 0)]\n"
		"server = [(\"grpc.http2.min_ping_interval_without_data_ms\", {half_beat_ms}),\n"
		"          (\"grpc.keepalive_permit_without_calls\", 1)]\n" },
	/* pkg.go.dev/net#KeepAliveConfig (Go 1.23), pkg.go.dev/net/http#HTTP2Config (Go 1.24) */
	{ "go",
		"// Go 1.23 or later; net.ListenConfig has the same field\n"
		"dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{\n"
		"	Enable:   true,\n"
		"	Idle:     {time} * time.Second,\n"
		"	Interval: {intvl} * time.Second,\n"
		"	Count:    {probes},\n"
		"}}\n",
		"// Go 1.24 or later, HTTP/2; http.Server has the same field\n"
		"transport := &http.Transport{ForceAttemptHTTP2: true, HTTP2: &http.HTTP2Config{\n"
		"	SendPingTimeout: {beat} * time.Second,\n"
		"}}\n" },
	/* docs.oracle.com/en/java/javase/25/docs/api/jdk.net/jdk/net/ExtendedSocketOptions.html (since 11),
	 * .../java.net.http/java/net/http/WebSocket.html#sendPing(java.nio.ByteBuffer) */
	{ "java",
		"// java.net.StandardSocketOptions, jdk.net.ExtendedSocketOptions; Java 11 or later\n"
		"socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);\n"
		"socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, {time});\n"
		"socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, {intvl});\n"
		"socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, {probes});\n",
		"// java.net.http.WebSocket; for JDBC see the pool (HikariCP: keepaliveTime, 30 s at least)\n"
		"executor.scheduleAtFixedRate(() -> webSocket.sendPing(ByteBuffer.allocate(0)),\n"
		"    {beat}, {beat}, TimeUnit.SECONDS);\n" },
	/* docs.python.org/3/library/socket.html, websockets.readthedocs.io/en/stable/topics/keepalive.html */
	{ "python",
		"sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, {time})\n"
		"sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, {intvl})\n"
		"sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, {probes})\n"
		"sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)\n",
		"# the websockets package; serve() has the same argument\n"
		"connection = await websockets.connect(uri, ping_interval={beat})\n" },
	/* nodejs.org/api/net.html#socketsetkeepalive, github.com/websockets/ws/blob/master/doc/ws.md */
	{ "nodejs",
		"// once connected; Node.js before 26.4 takes 1 s and 10 for the two last\n"
		"socket.setKeepAlive(true, {time_ms}, {intvl_ms}, {probes});\n",
		"// a WebSocket of the ws package\n"
		"setInterval(() => socket.ping(), {beat_ms});\n" },
	/* kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls */
	{ "kubernetes",
		"# of a Pod; safe sysctls, that is, allowed by default, since Kubernetes 1.29\n"
		"spec:\n"
		"  securityContext:\n"
		"    sysctls:\n"
		"      - name: net.ipv4.tcp_keepalive_time\n"
		"        value: \"{time}\"\n"
		"      - name: net.ipv4.tcp_keepalive_intvl\n"
		"        value: \"{intvl}\"\n"
		"      - name: net.ipv4.tcp_keepalive_probes\n"
		"        value: \"{probes}\"\n",
		NULL },
};

_Static_assert(sizeof templates / sizeof *templates == RECIPES, "as many as struct recipes has room for");

/* What to lengthen a timeout to: twice what was found too short (the heartbeat comes after half of that), and
 * not below what is usual. */
static long long lengthened(const struct advice *advice, int usual)
{
	long long twice = 4LL * advice->heartbeat;

	return twice > usual ? twice : usual;
}

struct word {
	const char *name;
	long long value;
};

/* The number that `text` begins with a word for; sets *length to the word's. NULL if it is none. */
static const struct word *word_at(const char *text, const struct word *words, size_t *length)
{
	for (; words->name; words++) {
		*length = strlen(words->name);
		if (strncmp(text, words->name, *length) == 0)
			return words;
	}
	return NULL;
}

static void fill(struct recipe *recipe, const char *from, const struct word *words)
{
	char *to = recipe->text, *end = to + sizeof recipe->text - 1;
	size_t length;

	while (*from && to < end) {
		const struct word *word = word_at(from, words, &length);

		if (!word) {
			*to++ = *from++;
			continue;
		}
		to += snprintf(to, (size_t)(end - to), "%lld", word->value);
		if (to > end)
			to = end;
		from += length;
	}
	*to = '\0';
}

void recipes_give(const struct advice *advice, struct recipes *recipes)
{
	const struct keepalive *use = &advice->use;
	const struct word words[] = {
		{ "{time}", use->time },
		{ "{intvl}", use->intvl },
		{ "{probes}", use->probes },
		{ "{time_ms}", use->time * 1000LL },
		{ "{intvl_ms}", use->intvl * 1000LL },
		{ "{beat}", advice->heartbeat },
		{ "{beat_ms}", advice->heartbeat * 1000LL },
		{ "{half_beat_ms}", advice->heartbeat * 500LL },
		{ "{longer}", lengthened(advice, 7440) }, /* RFC 5382, REQ-5: what a NAT should do */
		{ "{wait}", lengthened(advice, 28800) },  /* MySQL's default */
		{ NULL },
	};

	recipes->count = 0;
	if (!advice_has_settings(advice))
		return;
	for (size_t i = 0; i < RECIPES; i++) {
		const char *text = use->time ? templates[i].keepalive : templates[i].heartbeat;

		if (!text)
			continue;
		recipes->list[recipes->count].name = templates[i].name;
		fill(&recipes->list[recipes->count++], text, words);
	}
}

const char *recipe_named(const struct recipes *recipes, const char *name)
{
	for (size_t i = 0; i < recipes->count; i++)
		if (strcmp(recipes->list[i].name, name) == 0)
			return recipes->list[i].text;
	return NULL;
}

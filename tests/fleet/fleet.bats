#!/usr/bin/env bats
# A fleet: the service that measures, run by systemd; its metrics gathered by node_exporter and Prometheus; the alerts and the
# dashboard on them.
# shellcheck disable=SC2016,SC2154 # what is in single quotes expands inside of alone(), boot or jq; bats sets output

bats_require_minimum_version 1.5.0
load ../cli/helpers

root=$BATS_TEST_DIRNAME/../..
fleet=$root/scripts/fleet

# The reports of two hosts. From paris a NAT forgets too soon, and a server closes by itself; from rome all is well, but that
# nobody listens at one target. The NAT's timeout is one that leaves room for keepalives, which count in whole seconds, also
# where the machine stood still meanwhile and the interval became a second wide for it.
setup_file() {
	export reports=$BATS_FILE_TMPDIR
	cd "$root" || return
	env -u MAKEFLAGS -u MAKELEVEL make -s install DESTDIR="$BATS_FILE_TMPDIR/installed" PREFIX=/usr >"$BATS_FILE_TMPDIR/log"
	scripts/testbed --profile nat-silent --timeout 8 -- \
		"$idleprobe" measure --json --max-idle 20 --min 12 203.0.113.10:7440 >"$reports/nat" &
	scripts/testbed --profile router --server fin:3 --port 7441 -- \
		"$idleprobe" measure --json --max-idle 5 203.0.113.10:7441 >"$reports/server" &
	BATS_TEST_TMPDIR=$reports alone "$hold"'
		$idleprobe measure --json --max-idle 2 --min 1 --connections 8 127.0.0.1:7440
		$idleprobe measure --json 127.0.0.1:7441' >"$reports/rome" 2>/dev/null || :
	wait
	cat "$reports"/{nat,server} >"$reports/paris"
	jq -c '.result, .advice' "$reports"/{paris,rome} # where what follows fails, this is seen
	[ "$(jq -r .result.outcome "$reports"/{paris,rome} | tr '\n' ' ')" = 'timeout closed_by_endpoint no_timeout unreachable ' ]
}

# For scripts in alone(): each host has a node_exporter, and one Prometheus asks both every second, until the script ends.
gather='
	end() { kill $started; wait $started; }
	started=
	trap end EXIT
	for host in paris rome; do
		mkdir $host
		$idleprobe report --format prometheus -o $host/idleprobe.prom $reports/$host
	done
	prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --collector.disable-defaults \
		--collector.textfile --collector.textfile.directory=paris >paris.log 2>&1 & started+=" $!"
	prometheus-node-exporter --web.listen-address=127.0.0.1:9101 --collector.disable-defaults \
		--collector.textfile --collector.textfile.directory=rome >rome.log 2>&1 & started+=" $!"
	cat >prometheus.yml <<-END
		global: { scrape_interval: 1s, evaluation_interval: 1s }
		rule_files: [ $fleet/idleprobe.rules.yml ]
		scrape_configs:
		  - job_name: node
		    static_configs:
		      - { targets: [ "127.0.0.1:9100" ], labels: { instance: paris } }
		      - { targets: [ "127.0.0.1:9101" ], labels: { instance: rome } }
	END
	prometheus --web.listen-address=127.0.0.1:9090 --config.file=prometheus.yml --storage.tsdb.path=data \
		>prometheus.log 2>&1 & started+=" $!"
	api() { curl -sS --get "http://127.0.0.1:9090/api/v1/$1" "${@:2}" 2>>api.log; }
	query() { api query --data-urlencode "query=$1"; }
	soon() { # CONDITION (of jq) COMMAND...
		for try in {1..100}; do
			answer=$("${@:2}") && jq -e "$1" <<<"$answer" >/dev/null && return # jq is content with nothing at all
			sleep 0.2
		done
		echo "never so: $1: $answer"
		tail -n 5 *.log
		exit 1
	}
'

export fleet

@test "Prometheus gathers what the hosts have measured, and alerts fire" {
	jq -e '.result | .survived_s <= 8 and .expired_s >= 8 - 0.004' "$reports/nat" # less a jiffy
	alone "$gather"'
		soon ".data.result[0].value[1] == \"$(jq .result.timeout_s $reports/nat)\"" \
			query "idleprobe_timeout_seconds{instance=\"paris\", target=\"203.0.113.10:7440\"}"
		soon ".data.result | length == 4" query "idleprobe_run_info"
		soon "[.data.alerts[].state] | sort == [\"firing\", \"firing\", \"firing\", \"pending\"]" api alerts
		api alerts >alerts.json'
	diff - <(jq -r '.data.alerts | sort_by(.labels.alertname, .labels.target)[] |
		"\(.labels | [.alertname, .instance, .target, .severity] | join(" ")) \(.state)"' "$BATS_TEST_TMPDIR/alerts.json") <<-'END'
		IdleprobeHostNotProtected paris 203.0.113.10:7440 info firing
		IdleprobeHostNotProtected paris 203.0.113.10:7441 info firing
		IdleprobeNoAnswer rome 127.0.0.1:7441 warning pending
		IdleprobeTimeoutTooShort paris 203.0.113.10:7440 critical firing
	END
	jq -e '.data.alerts | all(.[].annotations[]; contains("error") or contains("<no value>") | not) and
		any(.[].annotations.description; startswith($first))' "$BATS_TEST_TMPDIR/alerts.json" \
		--arg first "They stop working after $(printf %.4g "$(jq .result.timeout_s "$reports/nat")")s."
}

@test "the dashboard's queries all find something" {
	alone "$gather"'
		soon ".data.result | length == 4" query "idleprobe_run_info"
		jq -r ".panels[].targets[].expr" $fleet/dashboard.json | sed -E "s/\\\$(job|instance|target)\\>/.+/g" >queries
		grep -q "\\$" queries && cat queries && exit 1
		while read -r expression; do
			answer=$(query "$expression")
			jq -e ".data.result | length > 0" <<<"$answer" >/dev/null || { echo "$expression: $answer"; failed=1; }
		done <queries
		[ $(wc -l <queries) -ge 10 ] && [ -z "${failed-}" ]'
}

@test "what rules and dashboard ask for is written by report" {
	for file in idleprobe.rules.yml dashboard.json; do
		run comm -23 <(grep -oE 'idleprobe_[a-z0-9_]+' "$fleet/$file" | sort -u) \
			<("$idleprobe" report --format prometheus "$reports"/{paris,rome} | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' | sort -u)
		[ -z "$output" ] || { echo "$file: $output"; false; }
	done
	"$idleprobe" report --format prometheus "$reports"/{paris,rome} | promtool check metrics
}

@test "each alert fires where it is to, and only there" {
	promtool check rules "$fleet/idleprobe.rules.yml"
	promtool test rules "$BATS_TEST_DIRNAME/rules.yml"
	while read -r alert; do
		grep -q "alertname: $alert\$" "$BATS_TEST_DIRNAME/rules.yml" || { echo "$alert has no test"; false; }
	done < <(sed -n 's/.*- alert: //p' "$fleet/idleprobe.rules.yml")
}

@test "the dashboard is one that Grafana imports anywhere" {
	jq -e '(.uid | test("^[a-z0-9-]{8,40}$")) and .title != "" and .schemaVersion >= 41 and (has("id") | not) and
		.templating.list[0].type == "datasource" and
		([.. | objects | .datasource? // empty | .uid] | unique == ["${datasource}"]) and
		([.panels[].id] | length == (unique | length)) and
		all(.panels[]; .title != "" and .description != "" and .gridPos.x + .gridPos.w <= 24 and .datasource and
			([.targets[].refId] | length == (unique | length)))' "$fleet/dashboard.json"
	# No two panels overlap.
	jq -e '[.panels[].gridPos] | . as $all | all(range(length); . as $i | all(range($i); $all[.] as $a | $all[$i] as $b |
		$a.x + $a.w <= $b.x or $b.x + $b.w <= $a.x or $a.y + $a.h <= $b.y or $b.y + $b.h <= $a.y))' "$fleet/dashboard.json"
}

@test "systemd finds nothing wrong with the units" {
	cp -a "$BATS_FILE_TMPDIR/installed" "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR/installed"
	sed -i "s,^Exec.*=!\?/,&$PWD/," usr/lib/systemd/system/idleprobe-*.service
	run systemd-analyze verify --man=no usr/lib/systemd/system/idleprobe-*.{service,timer}
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "the service measures and leaves metrics, fails where it cannot, and then keeps the previous ones" {
	[ "$(id -u)" = 0 ] || skip 'only root can boot a systemd'
	cp -a "$BATS_FILE_TMPDIR/installed" "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR/installed"
	mkdir -p etc/{idleprobe,default}
	cp "$root/scripts/testbed-server" .
	echo 127.0.0.1:7441 >etc/idleprobe/targets
	echo 'OPTIONS=--max-idle 3 --min 2 --connections 8' >etc/default/idleprobe-fleet
	"$BATS_TEST_DIRNAME/boot" . '
		metrics=/var/lib/prometheus/node-exporter/idleprobe.prom
		fleet() {
			echo "$1:"
			systemctl start idleprobe-fleet.service 2>/dev/null || :
			systemctl show -P Result -P ExecMainStatus idleprobe-fleet.service | xargs
			grep -h -e "^idleprobe_outcome.*1\$" -e ^idleprobe_check_passed $metrics
		}
		systemctl start idleprobe-fleet.timer
		systemctl is-active idleprobe-fleet.timer
		/testbed-server --port 7441 --mode fin:1 &
		until ss -Htln | grep -q 7441; do sleep 0.02; done
		fleet "a bound that is not met"
		stat -c "%a %U" $metrics
		kill %1
		fleet "nobody listens"
		cp $metrics previous
		echo OPTIONS=--no-such >/etc/default/idleprobe-fleet
		fleet "cannot run"
		cmp $metrics previous' >"$BATS_TEST_TMPDIR/said" || { cat "$BATS_TEST_TMPDIR/said"; false; }
	diff - "$BATS_TEST_TMPDIR/said" <<-'END'
		active
		a bound that is not met:
		success 1
		idleprobe_check_passed{target="127.0.0.1:7441",address="127.0.0.1"} 0
		idleprobe_outcome{target="127.0.0.1:7441",address="127.0.0.1",outcome="closed_by_endpoint"} 1
		644 root
		nobody listens:
		exit-code 4
		idleprobe_outcome{target="127.0.0.1:7441",address="127.0.0.1",outcome="unreachable"} 1
		cannot run:
		exit-code 2
		idleprobe_outcome{target="127.0.0.1:7441",address="127.0.0.1",outcome="unreachable"} 1
	END
}

#!/usr/bin/env bash
# A scenario through a real Fluvio broker: what comes out is what the file replay of the same records gives, whoever is killed.
#
#   FLUVIO_ENDPOINT=127.0.0.1:9003 tests/broker.sh            all parts: same kills points broker latency
#   FLUVIO_ENDPOINT=127.0.0.1:9003 tests/broker.sh same kills
#
#   same      produces the scenario into topics, runs the job once, and compares every output topic, read with
#             `storepulse read --exactly-once`, with the replay of the files; for one partition a topic, then for several
#             partitions (without the records whose ingest time runs backwards: which one they follow is another question there)
#   kills     runs it again and again with fresh state and fresh output topics, the job killed with SIGKILL at seeded random
#             moments and started again until it ends by itself; KILLS in all
#   points    the same, the job dying at each fail point of dataflow/live/src/fail.rs
#   broker    runs it with the broker itself killed and started again in the middle
#   latency   a job on the wall clock, `storepulse bench live` at each rate
#
# Needs: a broker (FLUVIO_ENDPOINT: its SC) and the program (STOREPULSE, default target/release/storepulse).
# May be set: SCENARIO (scenarios/corner-store), OUT (a folder for everything it leaves, else one is made),
#   KILLS (100) and SEED (1), SNAPSHOT_MS (600000), PARTITIONS (3), RATES ("1000 10000 50000"), SECONDS_EACH (30),
#   LATENCY_PARTITIONS (1),
#   BROKER_KILL and BROKER_START (commands; without them the part `broker` is left out).
# The result is printed, and is left in $OUT/result.txt. Exit code 1: something was not the same, or did not come.
set -euo pipefail
cd "$(dirname "$0")/.."

endpoint=${FLUVIO_ENDPOINT:?host and port of the SC of a Fluvio broker}
program=${STOREPULSE:-target/release/storepulse}
scenario=${SCENARIO:-scenarios/corner-store}
out=${OUT:-$(mktemp -d)}
kills=${KILLS:-100} partitions=${PARTITIONS:-3} snapshot_ms=${SNAPSHOT_MS:-600000}
rates=${RATES:-1000 10000 50000} seconds_each=${SECONDS_EACH:-30} latency_partitions=${LATENCY_PARTITIONS:-1}
RANDOM=${SEED:-1}
outputs="views exceptions decisions late dead_letter"
run=sp$(date +%s)x$$
job='' # the process id of the job that runs
mkdir -p "$out"
: >"$out/result.txt"
trap '[ -z "$job" ] || kill -KILL "$job" 2>/dev/null || true' EXIT

say() { printf '%s\n' "$*" | tee -a "$out/result.txt"; }
fail() { say "FAILED: $*"; exit 1; }
now_ms() { date +%s%3N; }
setting() { sed -n "s/^$1 *= *//p" "$scenario/scenario.toml" 2>/dev/null | head -n 1; }

# config NAME INPUTS OUTPUTS: writes $out/NAME.toml, of a job that reads and writes topics of those prefixes as a replay would.
config() {
  local tick_ms topic log
  tick_ms=$(setting tick_ms)
  {
    printf '[time]\nclock = "data"\nstop_at_end = true\ntick_ms = %s\n' "${tick_ms:-1000}"
    printf 'emit_ms = %s\n' "$(setting emit_ms | grep . || echo "${tick_ms:-1000}")"
    grep -E '^(until|lateness_ms|future_ms) *=' "$scenario/scenario.toml" || true
    printf '[state]\nfolder = "%s/%s.state"\nsnapshot_ms = %s\n' "$out" "$1" "$snapshot_ms"
    for log in "$scenario"/*.jsonl "$scenario"/*.parquet; do
      [ -e "$log" ] || continue
      topic=$(basename "${log%.*}")
      printf '[input.%s]\nconnector = "fluvio"\ntopic = "%s-%s"\ncluster.endpoint = "%s"\n' "$topic" "$2" "$topic" "$endpoint"
    done
    for topic in $outputs; do
      printf '[output.%s]\nconnector = "fluvio"\ntopic = "%s-%s"\ncreate = true\ncluster.endpoint = "%s"\n' \
        "$topic" "$3" "${topic//_/-}" "$endpoint"
    done
    sed -n '/^\[policy\]/,/^\[/p' "$scenario/scenario.toml" 2>/dev/null | sed '1b;/^\[/d'
  } >"$out/$1.toml"
}

# Records are numbered from 1 in a file and from 0 in a partition.
without_positions() { sed -E 's/"position":[0-9]+,//'; }

# same NAME FOLDER: whether the output topics of a configuration hold what FOLDER has.
same() {
  local topic
  for topic in $outputs; do
    "$program" read "$topic" --exactly-once --config "$out/$1.toml" >"$out/$1.$topic.jsonl" || return 1
    if [ "$topic" = dead_letter ]; then
      cmp <(without_positions <"$2/$topic.jsonl" | sort) <(without_positions <"$out/$1.$topic.jsonl" | sort) || return 1
    else
      cmp "$2/$topic.jsonl" "$out/$1.$topic.jsonl" || return 1
    fi
  done
}

# start NAME [VARIABLE=VALUE]: starts the job of a configuration.
start() {
  env "${@:2}" "$program" run --config "$out/$1.toml" >>"$out/$1.log" 2>&1 &
  job=$!
}

# ended: the exit code of the job.
ended() {
  local code=0
  wait "$job" 2>/dev/null || code=$?
  job=''
  return "$code"
}

# state NAME: changes whenever the job has written something down.
state() { { find "$out/$1.state" -type f -printf '%p %s\n' 2>/dev/null || true; } | sort | cksum; }

replay() { # SCENARIO FOLDER
  [ -d "$2" ] || "$program" replay "$1" --out "$2" >/dev/null
}

produce() { # SCENARIO PREFIX PARTITIONS
  config "$2" "$run-$2" "$run-$2-out"
  "$program" scenario produce "$1" --config "$out/$2.toml" --partitions "$3" | tail -n 1
}

# The scenario without the records whose ingest time runs backwards: each is taken as the one before it in its partition,
# which in one file is another one than in several partitions.
in_order() {
  local log
  mkdir -p "$out/in-order"
  cp "$scenario/scenario.toml" "$out/in-order/"
  for log in "$scenario"/*.jsonl; do
    awk 'match($0, /"ingest_time":[0-9]+/) { at = substr($0, RSTART + 14, RLENGTH - 14) + 0; if (at < upto) next; upto = at } 1' \
      "$log" >"$out/in-order/$(basename "$log")"
  done
}

# through NAME SCENARIO REPLAY PARTITIONS
through() {
  local began took records
  replay "$2" "$3"
  say "$(basename "$2") to $4 partition(s) a topic: $(produce "$2" "$1" "$4")"
  began=$(now_ms)
  start "$1"
  ended || fail "the job ended with $?, see $out/$1.log"
  took=$(($(now_ms) - began))
  same "$1" "$3" || fail "the output topics do not hold what the replay of the files gives"
  records=$(for topic in $outputs; do cat "$3/$topic.jsonl"; done | wc -l)
  say "same: $(basename "$2"), $4 partition(s) a topic, all $records output records as the file replay gives them; the job took $took ms"
}

part_same() {
  through p1 "$scenario" "$out/replay" 1
  in_order
  through several "$out/in-order" "$out/in-order-replay" "$partitions"
}

# once NAME VARIABLE=VALUE…: a run with fresh state and output topics, killed by SIGKILL at random moments within half of $length ms,
# started again each time. Counts in `killed` what hit a running job, in `wrote` those that had written something before.
once() {
  local name=$1 before rest code
  config "$name" "$run-p1" "$run-$name"
  while :; do
    before=$(state "$name")
    start "$name"
    rest=$((RANDOM * length / 2 / 32768))
    sleep "$(printf '%d.%03d' $((rest / 1000)) $((rest % 1000)))"
    if kill -KILL "$job" 2>/dev/null; then
      code=0
      ended || code=$?
      if [ "$code" = 137 ]; then
        killed=$((killed + 1))
        [ "$before" = "$(state "$name")" ] || wrote=$((wrote + 1))
        continue
      fi
    else
      code=0
      ended || code=$?
    fi
    [ "$code" = 0 ] || fail "the job ended with $code, see $out/$name.log"
    return 0
  done
}

uninterrupted() {
  [ -e "$out/p1.exceptions.jsonl" ] || part_same
  local began
  config whole "$run-p1" "$run-whole"
  began=$(now_ms)
  start whole
  ended || fail "the job ended with $?, see $out/whole.log"
  length=$(($(now_ms) - began))
  same whole "$out/replay" || fail "a second run differs from the first"
}

part_kills() {
  local killed=0 wrote=0 runs=0 length
  uninterrupted
  while [ "$killed" -lt "$kills" ]; do
    runs=$((runs + 1))
    once "kill$runs"
    same "kill$runs" "$out/replay" || fail "kill$runs differs from the uninterrupted run"
  done
  say "same: $killed SIGKILLs of a running job at random moments, in $runs runs of $length ms; $wrote of them after this start had written something down; every run as the uninterrupted one"
}

part_points() {
  local point times code length
  uninterrupted
  for point in after-remap-append:3 mid-sink-batch:2 mid-sink-batch:40 mid-snapshot:2 before-manifest:1 after-manifest:1; do
    config "fail-${point/:/-}" "$run-p1" "$run-fail-${point/:/-}"
    times=0 code=1
    # It dies there each time until it no longer comes so far.
    while [ "$times" -lt 5 ] && [ "$code" != 0 ]; do
      start "fail-${point/:/-}" "STOREPULSE_FAIL=$point"
      code=0
      ended || code=$?
      [ "$code" = 0 ] || [ "$code" = 134 ] || fail "the job ended with $code, see $out/fail-${point/:/-}.log"
      [ "$code" = 0 ] || times=$((times + 1))
    done
    if [ "$code" != 0 ]; then
      start "fail-${point/:/-}"
      ended || fail "the job ended with $?, see $out/fail-${point/:/-}.log"
    fi
    [ "$times" -gt 0 ] || fail "the fail point $point was never met"
    same "fail-${point/:/-}" "$out/replay" || fail "after $point it differs from the uninterrupted run"
    say "same: died $times time(s) at $point"
  done
}

part_broker() {
  local length began turn rest
  if [ -z "${BROKER_KILL:-}" ] || [ -z "${BROKER_START:-}" ]; then
    say "left out: the broker is not killed, as BROKER_KILL and BROKER_START are not set"
    return 0
  fi
  uninterrupted
  for turn in 1 2 3 4 5; do
    config "broker$turn" "$run-p1" "$run-broker$turn"
    began=$(now_ms)
    start "broker$turn"
    rest=$((length * turn / 6))
    sleep "$(printf '%d.%03d' $((rest / 1000)) $((rest % 1000)))"
    bash -c "$BROKER_KILL" >/dev/null
    kill -0 "$job" 2>/dev/null || say "(turn $turn: the job had ended before the broker was killed)"
    sleep 1
    bash -c "$BROKER_START" >/dev/null
    ended || fail "the job ended with $? when the broker was killed, see $out/broker$turn.log"
    same "broker$turn" "$out/replay" || fail "broker$turn differs from the uninterrupted run"
    say "same: broker killed $((length * turn / 6)) ms after the start, back a second later; the job ended after $(($(now_ms) - began)) ms"
  done
}

part_latency() {
  local rate topic found
  for rate in $rates; do
    {
      printf '[state]\nfolder = "%s/latency%s.state"\n' "$out" "$rate"
      for topic in pos inventory; do
        printf '[input.%s]\nconnector = "fluvio"\ntopic = "%s-l%s-%s"\ncluster.endpoint = "%s"\n' \
          "$topic" "$run" "$rate" "$topic" "$endpoint"
      done
      for topic in exceptions views; do
        printf '[output.%s]\nconnector = "fluvio"\ntopic = "%s-l%s-%s"\ncreate = true\ncluster.endpoint = "%s"\n' \
          "$topic" "$run" "$rate" "$topic" "$endpoint"
      done
    } >"$out/latency$rate.toml"
    # A scenario without records makes the topics.
    mkdir -p "$out/nothing"
    : >"$out/nothing/pos.jsonl"
    : >"$out/nothing/inventory.jsonl"
    "$program" scenario produce "$out/nothing" --config "$out/latency$rate.toml" --partitions "$latency_partitions" >/dev/null
    start "latency$rate"
    sleep 3
    found=$("$program" bench live --config "$out/latency$rate.toml" --rate "$rate" --seconds "$seconds_each" 2>&1) ||
      found="not held: $found"
    say "latency at $rate/s: $found"
    kill -TERM "$job"
    ended || fail "the job ended with $? when it was told to stop, see $out/latency$rate.log"
  done
}

say "$("$program" --version), $(basename "$scenario"), $(nproc) cores, $(date -u +%Y-%m-%d)"
for part in ${*:-same kills points broker latency}; do
  case $part in
    same | kills | points | broker | latency) "part_$part" ;;
    *) sed -n '2,24p' "$0"; exit 2 ;;
  esac
done
say "all is well"

// Tests debug logins while the agent works, the end of work that is no longer wanted, and rescue. A process that sleeps stands in for
// the login server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing } from '../../support/needs.ts';
import { AgentRuns, type JobMachine } from './agent-run.ts';

const MIB = 1024 * 1024;
const FINGERPRINT = `SHA256:${'a'.repeat(43)}`;
const KEY = 'ssh-ed25519 AAAA bob@example.net';

/** A server that only reports that it runs. */
const SERVER = `
start_server() {
  echo "server $(wc -l <"$1" | tr -d ' ')" >>"$RACKBOOT_TMP/ends"
  fingerprint=${FINGERPRINT}
  command sleep 30 &
  server=$!
}
`;
/** Work that never ends without a command. */
const ENDLESS = `
deploy() {
  command sleep 30 &
  echo $! >"$RACKBOOT_TMP/writer"
  wait
}
`;
const LOOKS = 3;

describe('an agent at work', { skip: missing('busybox') }, () => {
  const runs = new AgentRuns();
  const { region } = runs;
  const run = (machine: Partial<JobMachine>) =>
    runs.run({ job: { job: 'deploy' }, disks: {}, loginFunctions: SERVER, ...machine });
  before(async () => {
    await runs.open();
    region.files.set('/MAAS/rackboot/1/debug-keys', Buffer.from(`${KEY}\n`));
    region.files.set('/MAAS/rackboot/1/ssh-keys', Buffer.from(`${KEY}\n`));
  });
  after(() => runs.close());

  const enders: readonly [string, (number | string)[]][] = [
    ['whose token has expired', ['wanted=yes\n', 403]],
    ['that the region no longer wants', ['wanted=yes\n', 'wanted=no\n']],
  ];
  for (const [name, watches] of enders) {
    test(`${name} stops, and powers off without reporting success`, async () => {
      // Processes of the job do not outlive it.
      const functions = `${ENDLESS}poweroff() { grep -q ") S" "/proc/$(cat "$RACKBOOT_TMP/writer")/stat" 2>/dev/null || echo "powered off" >>"$RACKBOOT_TMP/ends"; }\n`;
      const { code, ends, said } = await run({ functions, watches });
      assert.notEqual(code, 0);
      assert.match(said, /The region no longer wants this work/);
      assert.deepEqual(ends, ['powered off'], said);
      assert.deepEqual(region.reported(), []);
    });
  }

  test('continues when the region is away, or refuses only once', async () => {
    const watches = [...Array.from({ length: LOOKS }, () => 503), 403, 'wanted=yes\n', 403, 'wanted=yes\n'];
    const functions = 'deploy() { for round in 1 2 3 4 5 6 7 8 9; do command sleep 0.2; done; finish 0; }\n';
    const { code, ends, said } = await run({ functions, watches });
    assert.equal(code, 0, said);
    assert.deepEqual(ends, ['']);
  });

  test('has no server and fetches no keys while no debug login is open', async () => {
    const functions = 'deploy() { command sleep 0.5; fail_job started "it did not work"; }\n';
    const { code, ends, said } = await run({ functions, watches: ['wanted=yes\n'] });
    assert.equal(code, 1, said);
    assert.deepEqual(ends, ['']);
    assert.match(said, /it did not work\nThis machine powers off in 60 seconds/);
  });

  test('admits the keys of a debug login, shows its host key, and stays on after a failure until it is closed', async () => {
    const waiting = 'while [ ! -e "$open" ]; do command sleep 0.1; done';
    const functions = `deploy() { ${waiting}; fail_job started "it did not work"; }\n`;
    const watches = [
      'wanted=yes\n',
      ...Array.from({ length: 8 }, () => 'wanted=yes\ndebug_seconds=600\n'),
      ...Array.from({ length: 8 }, () => 'wanted=no\ndebug_seconds=500\n'),
      403,
    ];
    const { code, ends, said } = await run({ functions, watches });
    assert.equal(code, 0, said);
    assert.deepEqual(ends, ['server 1'], said);
    assert.match(
      said,
      /Log in: ssh root@its address, host key SHA256:a{43}\n {2}with the key ssh-ed25519 bob@example.net\n/,
    );
    assert.match(said, /stays on while its debug login is open/);
    const opened = region.signals.find(({ stage }) => stage === 'login');
    assert.equal(opened?.host_key, FINGERPRINT);
    // Two processes send them, in either order.
    assert.deepEqual([...region.reported()].sort(), ['FAILED started', 'WORKING login']);
  });

  test('waits for a debug login that is open from the start, however fast the job fails', async () => {
    const functions = 'deploy() { fail_job started "it did not work"; }\n';
    const watches = [...Array.from({ length: 8 }, () => 'wanted=yes\ndebug_seconds=600\n'), 403];
    const { code, ends, said } = await run({ job: { job: 'deploy', debug: 1 }, functions, watches });
    assert.equal(code, 0, said);
    assert.deepEqual(ends, ['server 1']);
  });

  test('closes a debug login when its time is up', async () => {
    const functions = 'deploy() { command sleep 0.4; fail_job started "it did not work"; }\n';
    const { code, ends, said } = await run({ functions, watches: ['wanted=yes\ndebug_seconds=2\n', 503] });
    assert.equal(code, 0, said);
    assert.deepEqual(ends, ['server 1']);
    assert.match(said, /The debug login is closed/);
  });

  test('stops unwanted work at once, but leaves the machine on for debugging', async () => {
    const watches = [...Array.from({ length: 9 }, () => 'wanted=no\ndebug_seconds=600\n'), 403];
    const { ends, said } = await run({ functions: ENDLESS, watches });
    assert.deepEqual(ends, ['server 1', 'powered off'], said);
    assert.ok(said.indexOf('no longer wants') < said.indexOf('debug login is closed'), said);
  });

  test('fails without a login server as without a debug login, and says why there is none', async () => {
    const functions = 'deploy() { command sleep 0.5; fail_job started "it did not work"; }\n';
    const machine = { functions, loginFunctions: '', watches: ['wanted=yes\ndebug_seconds=600\n'] };
    const { code, said } = await run({ ...machine, job: { job: 'deploy', debug: 1 } });
    assert.equal(code, 1, said);
    assert.match(said, /No debug login is possible: this environment has no programs for that \(login\)/);
  });

  /** Rescue until the region has another job. */
  const rescue = (then: string, login = '') => {
    const own = `
name_tools() { :; }
load_file_systems() { :; }
fetch_archive() { :; }
bin=$RACKBOOT_TMP
RACKBOOT_MOTD=$RACKBOOT_TMP/motd
fetch() { case $1 in */job) jobs=$((jobs + 1)); [ $jobs -lt 5 ] || { ${then}; }; esac; fetch_it "$@"; }
fetch_it() { bounded 9 wget -O "$2" --header "X-Rackboot-Token: $token" "$1" 2>"$work/problem" || read_problem; }
umount() { echo "unmounted $1" >>"$RACKBOOT_TMP/ends"; }
`;
    const next = {
      job: { job: 'rescue', hostname: 'calm-ibis' },
      disks: { sda: Buffer.alloc(MIB, 1) },
      loginFunctions: SERVER + own + login,
    };
    return run(next);
  };
  const leaving: readonly [string, string, string[]][] = [
    ['restarts to start its own disk', 'echo job=reboot >"$2"; return 0', ['server 1', 'rebooted']],
    ['powers off if there is nothing to run', 'echo job=poweroff >"$2"; return 0', ['server 1']],
    ['powers off when its boot is no longer its own', 'status=403; return 1', ['server 1']],
  ];
  for (const [name, then, expected] of leaving) {
    test(`a machine in rescue says who may log in, stays, and ${name}`, async () => {
      const { code, ends, said, disks } = await rescue(then);
      assert.equal(code, 0, said);
      assert.deepEqual(ends, expected, said);
      assert.match(said, /Log in: ssh root@.*SHA256/);
      const reported = then.includes('403') ? [] : ['OK left'];
      assert.deepEqual(region.reported(), ['WORKING started', 'OK login', ...reported]);
      assert.equal(region.signals[1]?.host_key, FINGERPRINT);
      assert.deepEqual(disks.sda, Buffer.alloc(MIB, 1));
    });
  }

  test('a rescue continues while the region is away', async () => {
    const then = '[ $jobs -gt 12 ] && { echo job=poweroff >"$2"; return 0; }; status=503; return 1';
    const { code, ends, said } = await rescue(then);
    assert.equal(code, 0, said);
    assert.deepEqual(ends, ['server 1']);
  });

  /** The last key is removed as soon as its owner is admitted. */
  const revoked = (path: string): string => `
people=$RACKBOOT_TMP/people
mkdir -p "$people/.ssh"
echo old >"$people/.ssh/authorized_keys"
fetch() { case $1 in *${path}) [ -z "$server" ] || { : >"$2"; return 0; } ;; esac; fetch_then "$@"; }
say_keys() { echo "keys $(wc -c <"$people/.ssh/authorized_keys" | tr -d ' ')" >>"$RACKBOOT_TMP/ends"; }
`;

  test('a removed key no longer opens a rescue, even if it was the last key', async () => {
    const then = 'say_keys; echo job=poweroff >"$2"; return 0';
    const own = `uptime_seconds() { echo >>"$RACKBOOT_TMP/up"; echo $(($(wc -l <"$RACKBOOT_TMP/up") * 100)); }\nfetch_then() { case $1 in */job) jobs=$((jobs + 1)); [ $jobs -lt 5 ] || { ${then}; }; esac; fetch_it "$@"; }\n`;
    const { code, ends, said } = await rescue(':', revoked('/ssh-keys') + own);
    assert.equal(code, 0, said);
    assert.deepEqual(ends, ['server 1', 'keys 0']);
  });

  test('a removed key no longer opens a debug login', async () => {
    const own =
      'fetch_then() { bounded 9 wget -O "$2" --header "X-Rackboot-Token: $token" "$1" 2>"$work/problem" || read_problem; }\n';
    const functions = 'deploy() { command sleep 1; fail_job started "it did not work"; }\n';
    const watches = [...Array.from({ length: 20 }, () => 'wanted=yes\ndebug_seconds=600\n'), 'wanted=yes\n'];
    const closing =
      'close_debug() { [ -z "$server" ] || { say_keys; end_tree "$server"; server=; }; ends=; rm -f "$open"; }\n';
    const loginFunctions = `${SERVER}${revoked('/debug-keys')}${own}${closing}`;
    const { ends, said } = await run({ functions, watches, loginFunctions });
    assert.deepEqual(ends, ['server 1', 'keys 0'], said);
  });

  test('a rescue without any key fails, and says how to add one', async () => {
    region.files.set('/MAAS/rackboot/1/ssh-keys', Buffer.alloc(0));
    const { code, ends } = await rescue(':');
    assert.equal(code, 1);
    assert.deepEqual(ends, ['']);
    assert.equal(region.reported().at(-1), 'FAILED started');
    assert.match(region.signals.at(-1)?.message ?? '', /rackboot sshkeys add FILE/);
  });
});

// The scripts of machines rehearsed: every shell can read them, and their waits end, on a clock that advances without waiting.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { missing } from '../../support/needs.ts';
import { SHELLS } from './shells.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const AGENT = join(ROOT, 'src/images/agent/agent.sh');
const SCRIPTS = join(ROOT, 'src/images/build/environment');

describe('the scripts of the environment', { skip: missing('busybox') }, () => {
  const scripts = [AGENT, ...readdirSync(SCRIPTS).map((name) => join(SCRIPTS, name))];
  for (const script of scripts) {
    test(`${script.slice(ROOT.length + 1)} is a script that busybox and dash can read`, () => {
      for (const [, [program = '', ...args]] of SHELLS) execFileSync(program, [...args, '-n', script]);
    });
  }

  test('the agent ends with the line by which the environment knows that it is complete', () => {
    const last = readFileSync(AGENT, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    assert.equal(last, '# end of agent');
    assert.ok(readFileSync(join(SCRIPTS, 'environment'), 'utf8').includes(`'${last}'`));
  });
});

/** Runs the functions of a script with some of them replaced, on a clock that advances without waiting. */
function rehearse(shell: readonly string[], script: string, body: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-rehearsal-'));
  const text = readFileSync(script, 'utf8').replaceAll('/run/problem', join(directory, 'problem'));
  // The functions end where the main part begins.
  const begin = text.search(/^(umask 077|url=\$\(argument rackboot_url\))$/m);
  const clock = 'now=1000\nsleep() { now=$((now + $1)); }\nuptime_seconds() { echo $now; }\nsay() { echo "$*"; }\n';
  const [program = '', ...args] = shell;
  try {
    const out = execFileSync(program, [...args, '-c', `${text.slice(0, begin)}\n${clock}${body}`], {
      env: { PATH: process.env.PATH, RACKBOOT_TMP: directory },
    });
    return out.toString('utf8').trimEnd().split('\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('the waits of agent and environment', { skip: missing('busybox') }, () => {
  const ENVIRONMENT = join(SCRIPTS, 'environment');
  const failing = 'fail() { echo "failed at $((now - 1000))"; exit 0; }\n';
  for (const [name, shell] of SHELLS) {
    test(`the report is given up after half an hour, including requests that hang (${name})`, () => {
      const post = 'post_form() { now=$((now + 60)); status=; problem=silence; return 1; }\n';
      const last = rehearse(shell, AGENT, `${failing}${post}report`).at(-1) ?? '';
      const after = Number(/^failed at (\d+)$/.exec(last)?.[1]);
      assert.ok(after >= 1800 && after < 1800 + 100, last);
    });

    test(`a report that the rack queued is done, but the machine is not called known (${name})`, () => {
      const answered = (text: string): string => {
        const post = `post_form() { printf '%s' '${text}' >"$work/answer"; return 0; }\n`;
        return rehearse(shell, AGENT, `${failing}${post}report`).at(-1) ?? '';
      };
      assert.match(answered('{"status":"queued","text":"the region is away"}'), /^The rack keeps the report/);
      assert.match(answered('{"system_id":"abc","hostname":"web1"}'), /^The region knows this machine as web1/);
    });

    test(`the boot token is sent with the report, and without one nothing is sent in its place (${name})`, () => {
      const sent = (token: string): readonly string[] =>
        rehearse(
          shell,
          AGENT,
          `bounded() { shift; "$@"; }\nwget() { for word; do echo "[$word]"; done; }\ntoken=${token}\ntarget=http://x\npost_form`,
        ).filter((word) => !/problem|answer|form\]/.test(word));
      const type = '[Content-Type: application/x-www-form-urlencoded]';
      assert.deepEqual(sent('abc-_9'), [
        '[-O]',
        '[--header]',
        type,
        '[--header]',
        '[X-Rackboot-Token: abc-_9]',
        '[--post-file]',
        '[http://x]',
      ]);
      assert.deepEqual(sent(''), ['[-O]', '[--header]', type, '[--post-file]', '[http://x]']);
    });

    test(`the wait for the agent is given up after half an hour, too (${name})`, () => {
      const fetch = 'timeout() { now=$((now + $1)); return 1; }\ntail() { echo silence; }\nurl=http://192.0.2.1\n';
      const last = rehearse(shell, ENVIRONMENT, `${failing}${fetch}fetch_agent`).at(-1) ?? '';
      const after = Number(/^failed at (\d+)$/.exec(last)?.[1]);
      assert.ok(after >= 1800 && after < 1800 + 70, last);
    });

    test(`on the interface that booted the machine, the wait for carrier is short (${name})`, () => {
      const carriers = 'has_carrier() { return 1; }\nboot_nic=eth1\n';
      const wait = (nic: string): string =>
        rehearse(shell, ENVIRONMENT, `${carriers}wait_for_carrier ${nic}; echo $now`).at(-1) ?? '';
      assert.equal(wait('eth1'), '1004');
      assert.equal(wait('eth0'), '1020');
    });
  }
});

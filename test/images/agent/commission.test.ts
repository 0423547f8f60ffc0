// Runs the agent's commissioning under busybox against a real region. The disks are files. It covers the built-in checks, and an
// operator's scripts that pass, fail, hang, fork without end, print too much, or have no interpreter.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { parseNetwork } from '../../../src/ground/address.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { NO_MARKS, type ScriptResult } from '../../../src/region/records/script-store.ts';
import { parseScript } from '../../../src/region/scripts/script-text.ts';
import { makeRegion, type RegionPlace, report } from '../../region/place.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { portOf } from '../../support/listening-port.ts';
import { missing } from '../../support/needs.ts';
import { reasonOf } from '../../support/sentences.ts';
import { agentVariables } from './agent-run.ts';

const AGENTS = join(import.meta.dirname, '..', '..', '..', 'src/images/agent');
const MIB = 1024 * 1024;
const MAC = '52:54:00:aa:00:01';
const RUN_MS_MAX = 60_000;
const BOB = { username: 'bob', isAdmin: true, comment: '' };

// Replaces programs that would touch this host, and shortens waits. The clock is the host's.
const HARMLESS = `
say() { echo "$*" >&2; }
uptime_seconds() { date +%s; }
poweroff() { echo "powered off" >>"$work/ends"; }
sync() { :; }
hwclock() { :; }
`;

describe('the agent commissions a machine', { skip: missing('linux', 'busybox') }, () => {
  let scratch = '';
  let place: RegionPlace;
  let app: FastifyInstance;
  let url = '';
  let systemId = '';
  let count = 0;
  let ticking: NodeJS.Timeout;

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-commission-'));
    const network = parseNetwork('127.0.0.0/8');
    place = await makeRegion({ managedNetworks: network === undefined ? [] : [network] });
    const context = makeContext(place.region);
    const parts = new Map(context.parts);
    // No watcher runs: the region ends the work in its answer to a signal.
    parts.delete('login.sh');
    const job = readFileSync(join(AGENTS, 'job.sh'), 'utf8');
    parts.set(
      'job.sh',
      job.replace('SIGNAL_SECONDS=5', 'SIGNAL_SECONDS=1').replace(/^output=\nthen=\ncase /m, `${HARMLESS}\n$&`),
    );
    const commission = readFileSync(join(AGENTS, 'commission.sh'), 'utf8');
    parts.set(
      'commission.sh',
      commission.replace('END_SECONDS=10', 'END_SECONDS=1').replace('HEART_SECONDS=45', 'HEART_SECONDS=2'),
    );
    app = buildApp({ ...context, parts });
    // The region limits requests by its own clock.
    ticking = setInterval(() => place.clock.advance(100), 100);
    await app.listen({ host: '127.0.0.1', port: 0 });
    url = `http://127.0.0.1:${portOf(app.server)}/MAAS`;
    const outcome = await place.region.enlist(report([0x525400aa0001]));
    assert.ok(outcome.kind === 'create');
    systemId = outcome.machine.systemId;
    const at = { sequence: 1, at: place.clock.wallTimeMs(), mac: MAC, address: '127.0.0.1' };
    await place.region.observe([{ ...at, kind: 'dhcp.ack', text: 'gave 127.0.0.1' }]);
    await place.region.life.command(systemId, { name: 'accept', skipsCommissioning: true }, BOB);
  });
  after(async () => {
    clearInterval(ticking);
    await app.close();
    await place.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function addScript(
    name: string,
    content: string,
    more: { timeout?: number; kind?: 'testing' } = {},
  ): Promise<void> {
    // Earlier versions took scripts for interpreters that machines lack: here, such a line is put in place of one that is taken.
    const taken = content.replace(/^.*python.*$/m, '#!/bin/sh');
    const parsed = parseScript({ name, content: taken, timeoutSeconds: more.timeout, kind: more.kind });
    assert.ok(parsed.kind === 'script');
    const event = { type: 'SETTINGS', code: 'rack', params: { text: '' }, atMs: 1, username: '' } as const;
    await place.store.scripts.addScript({ ...NO_MARKS, ...parsed.script, content, changedMs: 1 }, 99, event);
  }

  async function removeScripts(): Promise<void> {
    for (const { name } of await place.store.scripts.listScripts()) {
      await place.store.scripts.removeScript(name, {
        type: 'SETTINGS',
        code: 'rack',
        params: { text: '' },
        atMs: 1,
        username: '',
      });
    }
  }

  const machine = async (): Promise<Machine> => (await place.store.findMachine(systemId)) ?? assert.fail('it is gone');
  const results = async (): Promise<readonly ScriptResult[]> =>
    await place.store.scripts.listResults(systemId, { runs: 1 });
  const result = async (name: string): Promise<ScriptResult> =>
    (await results()).find((one) => one.name === name) ?? assert.fail(`no result of ${name}`);
  const shown = async (): Promise<string> =>
    (await results()).map(({ name, status }) => `${name} ${status}`).join(', ');

  /** Powers the machine on in its current state. @returns its process, and a promise of how it ends */
  async function boot(): Promise<{
    readonly agent: ChildProcess;
    readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
  }> {
    count += 1;
    const root = join(scratch, String(count));
    const put = (path: string, content: string | Uint8Array): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    const line = `rackboot=commissioning rackboot_url=${url} rackboot_token=${(await machine()).bootToken}`;
    put('proc/cmdline', `${line} BOOTIF=01-${MAC.replaceAll(':', '-')}\n`);
    put('proc/cpuinfo', 'processor : 0\n');
    put('proc/meminfo', 'MemTotal: 16384 kB\nMemAvailable: 8192 kB\n');
    put('proc/uptime', '1.00 1.00\n');
    put('sys/class/net/eth0/type', '1\n');
    put('sys/class/net/eth0/address', `${MAC}\n`);
    put('sys/class/net/eth0/carrier', '1\n');
    put('sys/class/net/eth0/device/x', '');
    put('sys/block/sda/size', `${(4 * MIB) / 512}\n`);
    put('dev/sda', Buffer.alloc(4 * MIB));
    put('tmp/x', '');
    const agent = readFileSync(join(AGENTS, 'agent.sh'), 'utf8').replace(/^umask 077$/m, `${HARMLESS}\n$&`);
    put('agent.sh', agent);
    const words = ['-s', 'KILL', String(RUN_MS_MAX / 1000), 'busybox', 'sh', join(root, 'agent.sh')];
    const child = spawn('timeout', words, { env: agentVariables(root), stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (text: Buffer) => {
      said += text.toString('utf8');
    });
    const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, said }));
    });
    return { agent: child, ended };
  }

  const command = async (name: 'commission' | 'test' | 'abort', scripts?: readonly string[]): Promise<void> => {
    const outcome = await place.region.life.command(systemId, { name, scripts }, BOB);
    assert.equal(outcome.kind, 'changed', JSON.stringify(outcome));
  };

  test('the checks become results with their findings, and the machine is Ready with its facts', {
    timeout: RUN_MS_MAX,
  }, async () => {
    await command('commission');
    const { code, said } = await (await boot()).ended;
    assert.equal(code, 0, said);
    assert.equal((await machine()).status, 'ready', said);
    assert.equal(await shown(), 'inventory passed, disks passed, memory passed, link passed, clock passed');
    assert.match((await result('inventory')).output, /^1 processor, \d+ MiB of memory\ndisk sda: 4194304 bytes\n$/m);
    assert.match((await result('disks')).output, /^sda: 32 places of 4194304 bytes read, no errors\n$/);
    assert.match((await result('memory')).output, /^\d MiB written, \d of them read, 0 of them differ\n$/);
    assert.match((await result('link')).output, /^eth0 \(52:54:00:aa:00:01\): carrier\n$/);
    assert.match(
      (await result('clock')).output,
      /^(?:in step with|1 second (?:ahead of|behind)|[2-9] seconds (?:ahead of|behind)) the rack's clock\n$/,
    );
    assert.equal((await machine()).facts?.disks[0]?.bytes, 4 * MIB);
  });

  test('scripts run in order, each within its time, and failed ones are named with their last output line', {
    timeout: RUN_MS_MAX,
  }, async () => {
    await addScript(
      'a-good',
      '#!/bin/sh\necho "$RACKBOOT_SCRIPT on $RACKBOOT_HOSTNAME, grüße"\ngrep -c version "$RACKBOOT_FACTS"\npwd >x; cat x\n',
    );
    await addScript('b-bad', '#!/bin/sh\necho first\necho the fan stands still >&2\nexit 3\n');
    // A child with its own session would keep the output open.
    await addScript('c-slow', '#!/bin/sh\ntrap "" TERM\necho waiting\nsleep 77 &\nwhile :; do sleep 1; done\n', {
      timeout: 2,
    });
    await addScript('d-python', '#!/usr/bin/python9 -u\n');
    await addScript('e-awk', '#!/nowhere/bin/awk -f\nBEGIN { print "in awk" }\n');
    await addScript('f-env', '#!/usr/bin/env sh\nprintf "no line end"');
    await addScript('g-leaves', '#!/bin/sh\nsleep 66 &\necho left\n');
    await addScript('x-test', '#!/bin/sh\nexit 1\n', { kind: 'testing' });
    await command('commission');
    const { code, said } = await (await boot()).ended;
    assert.equal(code, 1, said);
    assert.equal(
      (await shown()).split('clock passed, ')[1],
      'a-good passed, b-bad failed, c-slow timed-out, d-python failed, e-awk passed, f-env passed, g-leaves passed',
    );
    assert.match(
      (await result('a-good')).output,
      new RegExp(`^a-good on ${(await machine()).hostname}, grüße\\n1\\n/.*/home\\n$`),
    );
    assert.deepEqual(
      [(await result('b-bad')).exitStatus, (await result('b-bad')).output],
      [3, 'first\nthe fan stands still\n'],
    );
    assert.equal((await result('c-slow')).output, 'waiting\n');
    assert.deepEqual(
      [(await result('d-python')).exitStatus, (await result('d-python')).output],
      [127, 'no interpreter /usr/bin/python9: scripts run with those of busybox, which are sh and awk\n'],
    );
    assert.deepEqual(
      [(await result('e-awk')).output, (await result('f-env')).output, (await result('g-leaves')).output],
      ['in awk\n', 'no line end', 'left\n'],
    );
    assert.equal((await machine()).status, 'failed-commissioning');
    assert.match(
      reasonOf(await machine()),
      /b-bad ended with status 3: the fan stands still; script c-slow .*2 seconds: waiting; script d-python ended/,
    );
    const left = execFileSync('sh', ['-c', 'pgrep -f "^sleep (77|66)$" || :']).toString();
    assert.equal(left, '', 'nothing that a script has started continues');
    await removeScripts();
  });

  test('output is shown while a script runs, heartbeats keep its machine alive, and long output is cut in the middle', {
    timeout: RUN_MS_MAX,
  }, async () => {
    await addScript('chatty', '#!/bin/sh\necho begun\nsleep 8\nyes 0123456789abcdef | head -c 3000000\necho the end\n');
    await command('test', ['chatty']);
    const { ended } = await boot();
    const begun = await eventuallyWithin(20_000, 'the first output of the script', async () =>
      (await results()).find(({ name, output }) => name === 'chatty' && output === 'begun\n'),
    );
    assert.equal(begun.status, 'running');
    const deadline = (await machine()).statusDeadlineMs ?? 0;
    await eventuallyWithin(20_000, 'a sign of life', async () => ((await machine()).statusDeadlineMs ?? 0) > deadline);
    const { code, said } = await ended;
    assert.equal(code, 0, said);
    const { output, outputBytes, status } = await result('chatty');
    assert.equal(status, 'passed');
    assert.match(output, /0123456789abcdef\n[\s\S]*the end\n$/);
    assert.match(output, /\[\d+ bytes (?:are left out|did not arrive)\]/);
    assert.ok(outputBytes < 3_000_000 && output.length <= 65_536, `${outputBytes} ${output.length}`);
    assert.equal((await machine()).status, 'failed-commissioning', 'where it was before its test');
    await removeScripts();
  });

  test('an abort ends the running script, and scripts that did not run are marked aborted', {
    timeout: RUN_MS_MAX,
  }, async () => {
    await addScript('forever', '#!/bin/sh\nsleep 88\n');
    await addScript('later', '#!/bin/sh\n');
    await command('commission', ['forever', 'later']);
    const { ended } = await boot();
    await eventuallyWithin(20_000, 'the script runs', async () =>
      (await results()).find(({ name, status }) => name === 'forever' && status === 'running'),
    );
    await command('abort');
    const { code, said } = await ended;
    assert.equal(code, 1);
    assert.match(said, /no longer wants this work/);
    assert.equal((await shown()).split('clock passed, ')[1], 'forever aborted, later aborted');
    assert.equal(execFileSync('sh', ['-c', 'pgrep -f "^sleep 88$" || :']).toString(), '');
    await removeScripts();
  });
});

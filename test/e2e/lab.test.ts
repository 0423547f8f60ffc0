// The guided lab as a user has it: `rackboot lab` run without privileges, its machine accepted, deployed and released by the
// commands that it prints, named in DNS; a hall of two racks; its messages when it cannot start; and that it leaves nothing behind.
//
// 1. A lab has its ports to itself: every lab on the host's loopback is in this file, one after the other. `lab-vm.test.ts` has a network of its
//    own. Further ends of labs are in the long suite.
// @host waits, 60 s

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { z } from 'zod';
import { sleep } from '../../src/clock.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { nobodysCache, readableCheckout } from '../support/another-user.ts';
import { ended, endProgram, whileRunning } from '../support/child.ts';
import {
  AS,
  assertEndsWhenClosedAfter,
  assertLabRefuses,
  directoryOf,
  endAndLook,
  PROBLEM,
  Program,
  processesOf,
  STATE_MS_MAX,
} from '../support/guided-lab.ts';
import { missing } from '../support/needs.ts';
import { askName } from '../support/probes.ts';
import { eventually } from '../support/running-rack.ts';

const MS_MAX = 240_000;
/** How often the progress is looked at. */
const PROGRESS_MS = 50;
const DNS_PORT = 6053;
const RACK = '127.77.0.1';

const workShape = z.array(z.looseObject({ work_percent: z.number().nullable() }));
const machinesShape = z.array(
  z.looseObject({
    ...{ system_id: z.string(), hostname: z.string(), status_name: z.string() },
    ...{ power_state: z.string(), power_type: z.string() },
  }),
);
const listedShape = z.array(z.looseObject({ ip_addresses: z.array(z.string()) }));
const racksShape = z.array(z.looseObject({ name: z.string(), status_name: z.string(), is_away: z.boolean() }));

/** The page of a lab, signed in as the lab says. */
async function openPage(lab: Program): Promise<{ press(machine: string, command: string): Promise<void> }> {
  const [, url = '', username = '', password = ''] =
    /On the page: +(\S+)\n +sign in as (\S+) with the password (\S+)/.exec(lab.text) ?? assert.fail(lab.text);
  const login = await fetch(`${url}login/`, {
    ...{ method: 'POST', body: new URLSearchParams({ username, password, to: '/MAAS/' }), redirect: 'manual' },
  });
  const cookie = String(login.headers.get('set-cookie')).split(';')[0] ?? '';
  return {
    /** Opens the command's form, and sends it as it stands. */
    async press(machine, command) {
      const path = `${url}machines/${machine}/do/${command}/`;
      const text = await (await fetch(path, { headers: { cookie } })).text();
      const form = /<form method="post"[^>]* class="form">.*?<\/form>/s.exec(text)?.[0] ?? assert.fail(text);
      const answer = await fetch(path, {
        ...{ method: 'POST', headers: { cookie }, body: unchanged(form), redirect: 'manual' },
      });
      assert.equal(answer.status, 303, await answer.text());
    },
  };
}

/** The fields that a browser sends of a form in which nothing was changed. */
function unchanged(form: string): URLSearchParams {
  const sent = new URLSearchParams();
  const of = (tag: string, name: string): string | undefined => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  for (const [tag] of form.matchAll(/<input [^>]*>/g)) {
    const isOff = /type="(?:radio|checkbox)"/.test(tag) && !/\bchecked\b/.test(tag);
    const name = of(tag, 'name');
    if (name !== undefined && !isOff) sent.append(name, of(tag, 'value') ?? '');
  }
  for (const [, tag = '', options = ''] of form.matchAll(/(<select [^>]*>)(.*?)<\/select>/gs)) {
    const all = [...options.matchAll(/<option [^>]*>/g)].map(([option]) => option);
    const chosen = all.find((option) => /\bselected\b/.test(option)) ?? all[0] ?? '';
    sent.append(of(tag, 'name') ?? '', of(chosen, 'value') ?? '');
  }
  return sent;
}

/** The shares of its work that the first machine has done, as the page's bar shows them, until `end`. */
function watchProgress(stateDir: string): { readonly seen: Promise<readonly number[]>; end(): void } {
  let isOver = false;
  const seen = (async () => {
    const shares: number[] = [];
    while (!isOver) {
      const [machine] = workShape.parse(await askDaemon(stateDir, '/MAAS/api/2.0/machines/'));
      const share = machine?.work_percent ?? undefined;
      if (share !== undefined && share !== shares.at(-1)) shares.push(share);
      await sleep(PROGRESS_MS);
    }
    return shares;
  })();
  return {
    seen,
    end: () => {
      isOver = true;
    },
  };
}

describe('the guided lab', { skip: missing('linux', 'setpriv') }, () => {
  const labs: Program[] = [];
  const start = (...words: string[]): Program => {
    const lab = new Program(['lab', ...words]);
    labs.push(lab);
    return lab;
  };
  after(async () => {
    for (const { child } of labs) await endProgram(child, 'SIGINT');
  });

  test('boots a machine in few lines, and accepts, deploys, names and releases it by the commands that the lab prints', {
    timeout: MS_MAX,
  }, async () => {
    const lab = start();
    await lab.says(/Ctrl-C ends the lab/);
    const reported = lab.text.split('\n').filter((line) => line !== '');
    assert.ok(reported.length <= 20, lab.text);
    assert.match(lab.text, / is enlisted: .* as New\n(?:.*\n)*.*What to try next/, 'enlisted first, then what to try');
    assert.doesNotMatch(lab.text, /ECONNREFUSED|404|CAP_NET_RAW|problem/);
    const env = { RACKBOOT_CONFIG: join(await directoryOf(lab), 'lab.yaml') };
    const [accept, deploy, release] = [...lab.text.matchAll(/rackboot(?:\.js)? (machines .*)$/gm)].map(
      (found) => found[1] ?? '',
    );
    assert.match(String(deploy), /^machines deploy \S+ debian\/bookworm --user-data \S+$/);
    const run = (words = ''): Promise<string> => new Program(words.split(' '), env).well();
    const name = accept?.split(' ').at(-1) ?? '';
    const is = async (status: string): Promise<void> =>
      void (await lab.says(new RegExp(`${name} is ${status}\\n(?:.*\\n)*$`)));

    const [found] = machinesShape.parse(JSON.parse(await run('machines list --json')));
    const id = found?.system_id ?? assert.fail('no machine');
    assert.deepEqual([found?.hostname, found?.status_name, found?.power_type], [name, 'New', 'webhook']);
    const explained = await run(`why ${name}`);
    assert.doesNotMatch(explained, /^ +! /m, explained);
    const examined = await run('doctor');
    assert.match(
      examined,
      /^ok {3}dhcp lab: BIOS: is offered 127\.77\.2\.\d+, to load lpxelinux\.0 from 127\.77\.0\.1$/m,
    );
    assert.match(examined, /^ok {3}dhcp lab: UEFI amd64: /m);
    assert.doesNotMatch(examined, /^BAD /m, examined);
    assert.doesNotMatch(examined, /sudo|images build/, 'nothing to build or to be root for in a lab');
    const second = new Program(['lab']);
    assert.equal(await ended(second.child), 1, 'a second lab');
    assert.match(
      second.text,
      /^rackboot: 127\.0\.0\.1:5240 is in use by another lab \(process \d+ of user \S+\): .*Ctrl-C where it runs, or with `kill \d+`/,
    );

    await run(accept);
    await is('Ready');
    const progress = watchProgress(join(await directoryOf(lab), 'lab'));
    try {
      await run(deploy);
      await lab.says(/writing/);
      await is('Deployed');
    } finally {
      progress.end();
    }
    const shares = await progress.seen;
    assert.ok(shares.length > 2, `a bar that moves: ${shares.join(' ')}`);
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    await lab.says(/ran 2 lines of user data \(simulated\), the last: echo/);
    const { value } = await askName(RACK, DNS_PORT, `${name}.maas`);
    assert.match(value.address ?? 'no address', /^127\.77\.1\./);
    await lab.says(new RegExp(`answers in DNS: ${name}\\.maas is ${value.address}`));
    const addresses = async (): Promise<readonly string[]> =>
      listedShape.parse(JSON.parse(await run('machines list --json')))[0]?.ip_addresses ?? [];
    assert.deepEqual(await addresses(), [value.address]);
    await run(release);
    await lab.says(new RegExp(`${name} is Deployed\\n(?:.*\\n)*.*${name} is Ready\\n`));
    assert.deepEqual(await addresses(), [], 'it no longer has its static address');
    assert.doesNotMatch(await run('machines list'), /127\.77\.1\./);
    await eventually(
      'the end of its name',
      async () => (await askName(RACK, DNS_PORT, `${name}.maas`)).value.address === undefined,
    );
    // The same once more, by the page's buttons.
    const page = await openPage(lab);
    for (const [command, status] of [
      ['commission', 'Ready'],
      ['deploy', 'Deployed'],
      ['release', 'Ready'],
    ] as const) {
      const from = lab.text.length;
      await page.press(id, command);
      const isSo = (): boolean => new RegExp(`${name} is ${status}\\n`).test(lab.text.slice(from));
      await whileRunning(lab.child, eventually(`${command} by the page`, isSo, STATE_MS_MAX), () => lab.text);
    }
    await endAndLook(lab);
  });

  test('with twelve machines and two racks shows a hall, and takes its racks with it when it is killed', {
    timeout: MS_MAX,
  }, async () => {
    const lab = start('--machines', '12', '--racks', '2');
    await lab.says(/12 of 12 machines have reached their planned states/, MS_MAX);
    await lab.says(/Ctrl-C ends the lab/);
    assert.doesNotMatch(lab.text, PROBLEM);
    const env = { RACKBOOT_CONFIG: join(await directoryOf(lab), 'lab.yaml') };
    const run = (words: string): Promise<string> => new Program(words.split(' '), env).well();
    const machines = machinesShape.parse(JSON.parse(await run('machines list --json')));
    const states = machines.map(({ status_name: status }) => status).toSorted();
    assert.deepEqual(states, [
      ...['Allocated', 'Broken', 'Deployed', 'Deployed', 'Deployed', 'Deployed', 'Deployed'],
      ...['Failed commissioning', 'New', 'New', 'Ready', 'Ready'],
    ]);
    const racks = racksShape.parse(JSON.parse(await run('racks --json')));
    assert.deepEqual(
      racks.map(({ name, is_away: away }) => [name, away]),
      [
        ['lab', false],
        ['rack-2', false],
      ],
    );
    // One of each rack is deployed, and in the DNS of its own.
    assert.match((await askName(RACK, DNS_PORT, 'web-1.maas')).value.address ?? '', /^127\.77\.1\./);
    assert.match((await askName('127.191.0.1', 17_014, 'node-1.maas')).value.address ?? '', /^127\.191\.1\./);
    const directory = await directoryOf(lab);
    assert.ok(processesOf(directory).length > 0);
    await endProgram(lab.child, 'SIGKILL');
    await eventually('the end of its racks', () => processesOf(directory).length === 0);
    rmSync(directory, { recursive: true, force: true });
  });

  test('that is ended while it starts leaves nothing behind', { timeout: MS_MAX }, async () => {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-labs-'));
    try {
      chmodSync(place, 0o777);
      const lab = new Program(['lab'], { TMPDIR: place });
      labs.push(lab);
      await eventually('its directory', () => readdirSync(place).length > 0);
      assert.equal(await endProgram(lab.child, 'SIGTERM'), 0, lab.text);
      assert.deepEqual(readdirSync(place), []);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('ends and leaves nothing behind when its parent ends, as npm’s shell does at SIGTERM', {
    timeout: MS_MAX,
  }, async () => {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-labs-'));
    try {
      chmodSync(place, 0o777);
      const { root, node } = readableCheckout();
      const [command = '', ...rest] = [...AS, 'sh', '-c', '"$0" bin/rackboot.js lab; exit 3', node];
      const env = { ...process.env, HOME: '/nonexistent', NODE_COMPILE_CACHE: nobodysCache(), TMPDIR: place };
      const shell = spawn(command, rest, { stdio: ['ignore', 'ignore', 'ignore'], cwd: root, env });
      const [directory = ''] = await eventually('its directory', () => {
        const all = readdirSync(place).filter((name) => name.startsWith('rackboot-lab-'));
        return all.length > 0 && processesOf(place).length > 0 ? all : undefined;
      });
      await endProgram(shell, 'SIGTERM');
      await eventually('the end of its rack', () => processesOf(directory).length === 0, STATE_MS_MAX);
      await eventually('the end of its directory', () => !existsSync(join(place, directory)), STATE_MS_MAX);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('ends soon and leaves no directory or daemon when its output is closed after 3 lines', { timeout: MS_MAX }, () =>
    assertEndsWhenClosedAfter(3),
  );

  for (const [words, complaint] of [
    [['--machines', '0'], '--machines is 0, but must be a whole number from 1 to 200'],
    [['--machines', 'many'], '--machines needs a whole number from 1 to 200'],
    [['--racks', '2'], '--racks 2 needs a machine on each rack: add --machines 2 or more'],
    [['--vm', '--machines', '3'], '--vm runs one virtual machine on one rack: omit --machines and --racks'],
  ] as const)
    test(`refuses ${words.join(' ')}`, { timeout: MS_MAX }, () => assertLabRefuses(words, complaint));
});

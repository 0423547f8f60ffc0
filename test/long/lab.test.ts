// Further uses, ends and refusals of the guided lab: a hall of two racks, and the buttons of the page. `e2e/lab.test.ts` has the first ones.
// @host alone

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { nobodysCache, readableCheckout } from '../support/another-user.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import {
  AS,
  assertEndsWhenClosedAfter,
  assertLabRefuses,
  DNS_PORT,
  directoryOf,
  endAndLook,
  labsOfSuite,
  machinesShape,
  PROBLEM,
  Program,
  processesOf,
  RACK,
  STATE_MS_MAX,
} from '../support/guided-lab.ts';
import { missing } from '../support/needs.ts';
import { askName } from '../support/probes.ts';
import { eventually } from '../support/running-rack.ts';

const MS_MAX = 240_000;

const racksShape = z.array(z.looseObject({ name: z.string(), status_name: z.string(), is_away: z.boolean() }));

/** The page of a lab, signed in as the lab says. */
async function openPage(lab: Program): Promise<{ press(machine: string, command: string): Promise<void> }> {
  const [, url = '', username = '', password = ''] =
    /On the page: +(\S+)\n +sign in as (\S+) with the password (\S+)/.exec(lab.text) ?? assert.fail(lab.text);
  const login = await fetch(`${url}login/`, {
    method: 'POST',
    body: new URLSearchParams({ username, password, to: '/MAAS/' }),
    redirect: 'manual',
  });
  const cookie = String(login.headers.get('set-cookie')).split(';')[0] ?? '';
  return {
    /** Opens the command's form, and sends it as it stands. */
    async press(machine, command) {
      const path = `${url}machines/${machine}/do/${command}/`;
      const text = await (await fetch(path, { headers: { cookie } })).text();
      const form = /<form method="post"[^>]* class="form">.*?<\/form>/s.exec(text)?.[0] ?? assert.fail(text);
      const answer = await fetch(path, {
        method: 'POST',
        headers: { cookie },
        body: unchanged(form),
        redirect: 'manual',
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

describe('the guided lab', { skip: missing('linux', 'setpriv') }, () => {
  const start = labsOfSuite();

  test('with twelve machines and two racks shows a hall, and takes its racks with it when it is killed', async () => {
    const lab = start(['--machines', '12', '--racks', '2']);
    await lab.says(/12 of 12 machines have reached their planned states/, MS_MAX);
    await lab.says(/Ctrl-C ends the lab/);
    assert.doesNotMatch(lab.text, PROBLEM);
    const env = { RACKBOOT_CONFIG: join(await directoryOf(lab), 'lab.yaml') };
    const run = (words: string): Promise<string> => new Program(words.split(' '), env).well();
    const machines = machinesShape.parse(JSON.parse(await run('machines list --json')));
    const states = machines.map(({ status_name: status }) => status).toSorted();
    assert.deepEqual(states, [
      'Allocated',
      'Broken',
      'Deployed',
      'Deployed',
      'Deployed',
      'Deployed',
      'Deployed',
      'Failed commissioning',
      'New',
      'New',
      'Ready',
      'Ready',
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

  test('commissions, deploys and releases its machine by the buttons of the page', async () => {
    const lab = start();
    await lab.says(/Ctrl-C ends the lab/);
    const env = { RACKBOOT_CONFIG: join(await directoryOf(lab), 'lab.yaml') };
    const list = await new Program(['machines', 'list', '--json'], env).well();
    const [{ system_id: id, hostname: name } = assert.fail('no machine')] = machinesShape.parse(JSON.parse(list));
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

  test('that is ended while it starts leaves nothing behind', async () => {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-labs-'));
    try {
      chmodSync(place, 0o777);
      const lab = start([], { TMPDIR: place });
      await eventually('its directory', () => readdirSync(place).length > 0);
      assert.equal(await endProgram(lab.child, 'SIGTERM'), 0, lab.text);
      assert.deepEqual(readdirSync(place), []);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('ends and leaves nothing behind when its parent ends, as npm’s shell does at SIGTERM', async () => {
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

  // Lines after which the machine does something else: DHCP, files, the report. Behind the sixth comes all that there is, at once.
  for (const lines of [1, 3, 5])
    test(`ends soon and leaves no directory or daemon when its output is closed after ${lines} lines`, () =>
      assertEndsWhenClosedAfter(lines));

  for (const [words, complaint] of [
    [['--machines', 'many'], '--machines needs a whole number from 1 to 200'],
    [['--racks', '2'], '--racks 2 needs a machine on each rack: add --machines 2 or more'],
    [['--vm', '--machines', '3'], '--vm runs one virtual machine on one rack: omit --machines and --racks'],
    [['--machines', '201'], '--machines is 201, but must be a whole number from 1 to 200'],
    [['--machines', '9', '--racks', '5'], '--racks is 5, but must be a whole number from 1 to 4'],
  ] as const)
    test(`refuses ${words.join(' ')}`, () => assertLabRefuses(words, complaint));
});

// The lines that a user who follows a machine reads during its deployment: one state or step each, to Deployed. A real daemon on loopback,
// a webhook that holds the power, and a simulated machine.
// @host waits

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { diskImage } from '../support/disk-image.ts';
import { missing } from '../support/needs.ts';
import { eventually, MAIN, readableMain, runRackboot } from '../support/running-rack.ts';
import { makeSwitchedRack, type SwitchedRack } from '../support/switched-rack.ts';

const PLACE = labPlace(72);
const STATE_MS_MAX = 90_000;
/** A deployment gives about fifteen lines: this many at most. */
const LINES_MAX = 18;

const machinesShape = z.array(
  z.looseObject({ system_id: z.string(), status_name: z.string(), power_task: z.string() }),
);
const eventsShape = z.array(
  z.looseObject({ id: z.number(), level: z.string(), type: z.string(), description: z.string() }),
);

describe('the events of a deployment', { skip: missing('linux') }, () => {
  let site: SwitchedRack | undefined;
  let rack: SwitchedRack['rack'];
  let power: SwitchedRack['power'];
  let socket: SwitchedRack['socket'];

  before(async () => {
    site = await makeSwitchedRack(PLACE, 902);
    ({ rack, power, socket } = site);
    await rack.startWhole();
  });
  let follower: ChildProcess | undefined;
  after(async () => {
    if (follower !== undefined) await endProgram(follower, 'SIGKILL');
    await site?.close();
  });

  /** `events --machine m1 --follow`, as the documents show it. @returns what it has printed so far */
  const follow = (): { readonly child: ChildProcess; readonly text: () => string } => {
    const { node, main } = readableMain();
    const words = ['events', '--machine', 'm1', '--follow', '--limit', '1', '--config', rack.configFile];
    const child = spawn(node, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    follower = child;
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        text += bytes.toString('utf8');
      });
    return { child, text: () => text };
  };
  const run = async (...words: readonly string[]): Promise<string> => {
    const { code, output, complaints } = await runRackboot([...words, '--config', rack.configFile]);
    assert.equal(code, 0, `rackboot ${words.join(' ')}: ${complaints.join('\n')}`);
    return output.join('\n');
  };
  const machine = async () => machinesShape.parse(await askDaemon(rack.stateDir, '/MAAS/api/2.0/machines/'))[0];
  const events = async (level: string) =>
    eventsShape.parse(
      JSON.parse(await run('events', '--machine', 'm1', '--limit', '1000', '--level', level, '--json')),
    );

  const is = (status: string) =>
    eventually(
      status,
      async () => {
        const found = await machine();
        return found?.status_name === status && found.power_task === '';
      },
      STATE_MS_MAX,
    );

  test('are about fifteen at INFO, and say Deployed', async () => {
    await site?.pressButton();
    const { system_id: id } = await eventually('the machine', machine, STATE_MS_MAX);
    await socket.became('off');
    await run('machines', 'rename', id, 'm1');
    const words = Object.entries(power.parameters('m1')).map(([name, value]) => `${name}=${value}`);
    await run('power', 'set', 'm1', 'webhook', ...words);
    writeFileSync(join(rack.directory, 'image.raw'), diskImage());
    await run('images', 'add', join(rack.directory, 'image.raw'), '--os', 'debian', '--release', 'trixie');
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]);
    writeFileSync(join(rack.directory, 'key.pub'), `ssh-ed25519 ${bytes.toString('base64')} me@here\n`);
    await run('sshkeys', 'add', join(rack.directory, 'key.pub'));
    await run('machines', 'accept', 'm1');
    await is('Ready');

    const before = Math.max(...(await events('debug')).map((event) => event.id));
    const following = follow();
    const hasSaid = (words: string) => (): boolean => following.text().includes(words);
    await whileRunning(following.child, eventually('it follows', hasSaid('m1')), following.text);
    const printedBefore = following.text().length;
    // The machine lives in this process, so it stands still meanwhile.
    const [deployed, removed] = [
      ['machines', 'deploy', 'm1', 'debian/trixie'],
      ['images', 'remove', 'debian'],
    ].map((words) => {
      const all = [MAIN, ...words, '--config', rack.configFile];
      return spawnSync(process.execPath, all, { encoding: 'utf8' });
    });
    assert.equal(deployed?.status, 0, deployed?.stderr);
    assert.match(removed?.stderr ?? '', /m1 is being deployed from debian\/trixie\/.*: wait until it ends/);
    await is('Deployed');
    await run('images', 'remove', 'debian');
    await whileRunning(following.child, eventually('it says so', hasSaid("to 'Deployed'")), following.text);
    assert.equal(await endProgram(following.child, 'SIGINT'), 0, following.text());
    const followed = following.text().slice(printedBefore).trimEnd().split('\n');
    const all = (await events('debug')).filter((event) => event.id > before);
    const shown = (await events('info')).filter((event) => event.id > before);
    const lines = shown.map(({ type, description }) => `${type}: ${description}`);
    console.log(`${all.length} events, of which INFO shows ${shown.length}:\n${lines.join('\n')}`);
    assert.ok(shown.length <= LINES_MAX, lines.join('\n'));
    const isLast = (line: string): boolean => line.endsWith("to 'Deployed'");
    assert.equal(followed.findIndex(isLast), lines.findIndex(isLast), followed.join('\n'));
    assert.ok(followed.length <= LINES_MAX, followed.join('\n'));
    for (const line of followed) assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}[A-Z]+ +m1 +\S/);
    assert.doesNotMatch(followed.join('\n'), /Posted|Reported|answered 200|DHCP|Loaded/);
    for (const wanted of [
      /^Node changed status: From '.*' to 'Deploying'$/,
      /^Node powered on: /,
      /^PXE Request: Was told to run the ephemeral environment$/,
      /^Node installation: partitioning$/,
      /^Node installation: writing$/,
      /^Disk written: /,
      /^PXE Request: Was told to boot its own disk$/,
      /^Node changed status: From 'Deploying' to 'Deployed'$/,
    ])
      assert.equal(lines.filter((line) => wanted.test(line)).length >= 1, true, `${wanted}\n${lines.join('\n')}`);
    assert.doesNotMatch(lines.join('\n'), /Posted|Reported|answered 200|DHCP|Loaded/);
    assert.ok(all.length > shown.length, 'its traffic is there for who asks for it');
  });

  test('can be limited to audit events', async () => {
    const audit = await events('audit');
    assert.ok(audit.some(({ description }) => description === 'deploy'));
    assert.deepEqual([...new Set(audit.map(({ level }) => level))], ['AUDIT']);
    const rest = await events('debug');
    assert.ok(rest.every(({ level }) => level !== 'AUDIT'));
  });
});

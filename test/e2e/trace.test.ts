// `rackboot trace` over a real daemon: a simulated machine's boot whole, as it happens and after a restart; boots that are broken on
// purpose, each of which names its cause.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { followDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac } from '../../src/ground/address.ts';
import { labPlace, makeStandInTree } from '../../src/lab/safe-lab.ts';
import { simulatedHardware } from '../../src/lab/simulated-hardware.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const PLACE = labPlace(40);
const MAC = formatMac(simulatedHardware(0).mac);

const stepShape = z.looseObject({
  number: z.number(),
  boot: z.number(),
  kind: z.string(),
  level: z.string(),
  text: z.string(),
  times: z.number(),
});
const traceShape = z.looseObject({ mac: z.string(), waiting: z.string(), steps: z.array(stepShape) });

describe('a trace', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE, (text) => `${text}log: { level: debug }\n`);
  const trace = async () => traceShape.parse(await rack.ask(`/trace?machine=${MAC}`));
  const print = (...args: string[]) => rack.rackboot('trace', ...args);
  before(() => rack.startWhole());
  after(() => rack.remove());

  test('shows a boot from DISCOVER to the report, and can be followed live', async () => {
    const reported: string[] = [];
    const stop = new AbortController();
    let isFollowed = false;
    const following = followDaemon(
      rack.stateDir,
      `/trace/follow?machine=${MAC}&follow=yes`,
      (value) => {
        const part = z.looseObject({ step: stepShape.optional() }).parse(value);
        if (part.step === undefined) isFollowed = true;
        else reported.push(part.step.kind);
      },
      stop.signal,
    );
    await eventually('it is followed', () => isFollowed);
    const outcome = await bootSimulatedMachine(PLACE, 0, () => undefined);
    assert.equal(outcome.kind, 'enlisted');
    const { steps, waiting } = await eventually('the region reports the machine', async () => {
      const got = await trace();
      return got.steps.some(({ kind }) => kind === 'machine.known') && got;
    });
    const kinds = steps.map(({ kind }) => kind);
    const expected = [
      'dhcp.offer',
      'dhcp.ack',
      'http.missing',
      'http.rendered',
      'http.file-sent',
      'http.file-sent',
      'http.posted',
      'machine.known',
    ];
    let at = -1;
    for (const kind of expected) {
      at = kinds.indexOf(kind, at + 1);
      assert.notEqual(at, -1, `${kind} in its place: ${kinds.join(' ')}`);
    }
    // The thread of the transfers says so, and the machine may have gone on meanwhile.
    assert.ok(kinds.indexOf('tftp.sent') > kinds.indexOf('dhcp.ack'), kinds.join(' '));
    assert.ok(steps.every(({ boot }) => boot === 1));
    assert.deepEqual(
      steps.filter(({ level }) => level === 'warning' || level === 'error'),
      [],
    );
    const said = steps.map(({ text }) => text).join('\n');
    assert.match(said, /Offered 127\.117\.0\.\d+ \(new\) and lpxelinux\.0 \(BIOS, PXE\)/);
    assert.match(said, /Loaded lpxelinux\.0 by TFTP \(43\.0 KiB in \d+/);
    assert.match(said, /Loaded its configuration to enlist \(/);
    assert.match(said, /commissioning\/linux by HTTP \(8\.0 MiB/);
    assert.match(said, /Reported its hardware \(/);
    assert.match(waiting, /^its next boot|^nothing more from this rack/);
    await eventually('the follower has heard all', () => reported.includes('machine.known'));
    for (const kind of new Set(expected)) assert.ok(reported.includes(kind), `${kind} was told`);
    stop.abort();
    await following;
  });

  test('is found by any name of the machine, and suggests near names for an unknown one', async () => {
    const whole = await print(MAC);
    assert.equal(whole.code, 0, whole.complaints.join('\n'));
    const [head = '', boot = '', first = ''] = whole.output;
    assert.match(head, new RegExp(`^${MAC}  \\S+\\.maas \\(\\w{6}\\), New`));
    assert.match(boot, /^boot 1, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
    assert.match(first, /^ {2}\d\d:\d\d:\d\d\.\d{3} {6}\+0\.000 s dhcp\.offer +Offered 127\./);
    assert.match(whole.output.at(-1) ?? '', /^Waiting for /);
    const [, hostname = '', systemId = ''] = /^\S+ {2}([^.]+)\.maas \((\w+)\)/.exec(head) ?? [];
    for (const name of [hostname, systemId, `${hostname}.maas`]) assert.equal((await print(name)).output[0], head);
    assert.equal((await print(MAC, '--since', '1d')).output[0], head);
    assert.equal((await print(MAC, '--since', 'soon')).code, 2);
    const near = await print(`${MAC.slice(0, -2)}ff`);
    assert.equal(near.code, 1);
    assert.match(near.complaints[0] ?? '', new RegExp(`has not been seen .* similar: ${MAC}`));
    const json = await print(MAC, '--json');
    assert.equal(traceShape.parse(JSON.parse(json.output.join('\n'))).mac, MAC);
  });

  test('continues with the region’s records after a restart of the daemon, without repeating a step', async () => {
    await rack.stop();
    await rack.startWhole();
    assert.equal((await bootSimulatedMachine(PLACE, 0, () => undefined)).kind, 'enlisted');
    const { output } = await print(MAC);
    assert.ok(output.includes(output.find((line) => line.startsWith('before the rack started, ')) ?? 'none'));
    const offers = output.filter((line) => / dhcp\.offer /.test(line));
    assert.equal(offers.length, 2, offers.join('\n'));
    assert.equal(output.filter((line) => /^boot \d/.test(line)).length, 1);
  });

  if (HAS_MANY_ROUNDS)
    test('names a kernel that was never imported, and a loader that is missing', async () => {
      rmSync(join(rack.tree, 'amd64'), { recursive: true });
      // It is reported once per machine, and its line may be read after the machine has ended.
      const before = rack.lines.length;
      await eventually('a machine is told that its images are missing', async () => {
        await bootSimulatedMachine(PLACE, 1, () => undefined);
        return rack.events('boot.hint', before).some(({ hint }) => hint === 'cannot-start');
      });
      const mac = formatMac(simulatedHardware(1).mac);
      const { output } = await print(mac);
      assert.ok(
        output.some((line) =>
          / boot\.hint +! .*kernel and initrd are not in the boot tree.*rackboot(?:\.js)? images build/.test(line),
        ),
        output.join('\n'),
      );
      rmSync(join(rack.tree, 'lpxelinux.0'));
      const third = formatMac(simulatedHardware(2).mac);
      const from = rack.lines.length;
      void bootSimulatedMachine(PLACE, 2, () => undefined).catch(() => undefined);
      await rack.reported('boot.hint', { from, match: ({ hint }) => hint === 'file-missing' });
      const lines = (await print(third)).output;
      assert.ok(
        lines.some((line) => /[Ii]t needs lpxelinux\.0, which is not in the boot tree/.test(line)),
        lines.join('\n'),
      );
      makeStandInTree(rack.tree);
    });
});

if (HAS_MANY_ROUNDS)
  describe('an explanation', { skip: missing('linux') }, () => {
    const place = labPlace(44);
    const rack = new RunningRack(place);
    const why = (...args: string[]) => rack.rackboot('why', ...args);
    before(async () => {
      await rack.startWhole();
    });
    after(() => rack.remove());

    test('predicts what a machine gets before it boots, and the boot agrees', async () => {
      const before = await eventually('nothing stands in its way', async () => {
        const ended = await why(MAC, '--arch', 'bios');
        return ended.code === 0 && ended;
      });
      const offered = /^ {2}address +(\S+) \(new\)/m.exec(before.output.join('\n'))?.[1];
      assert.equal((await bootSimulatedMachine(place, 0, () => undefined)).kind, 'enlisted');
      assert.equal((await rack.reported('dhcp.offer')).address, offered);
      const after = (await why(MAC)).output.join('\n');
      assert.match(after, /\(\w{6}\), New/);
      assert.match(after, /as BIOS, PXE/);
      assert.doesNotMatch(after, /as UEFI/);
      assert.equal((await why(MAC, '--arch', 'toaster')).code, 2);
    });

    test('works without a daemon, and says so', async () => {
      await rack.stop();
      const { code, output } = await why(MAC, '--arch', 'bios');
      assert.equal(code, 0);
      assert.match(output[0] ?? '', /\(\w{6}\), New/);
      assert.match(output[1] ?? '', /^No daemon runs/);
    });
  });

// The parts of a machine's page: each command has a button for users who may give it, secrets are hidden, script output needs an account.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POWER_DRIVERS } from '../../../src/power/drivers.ts';
import { commandsFrom } from '../../../src/region/life/commands.ts';
import { formatFieldFaults, formatRefusal, type Viewer } from '../../../src/region/page/frame/view.ts';
import { words } from '../../../src/region/page/frame/words.ts';
import { actionsFor, MACHINE_ACTIONS } from '../../../src/region/page/machines/machine-actions.ts';
import { renderMachinePage } from '../../../src/region/page/machines/machine-page.ts';
import { PAGES } from '../../../src/region/page/routes.ts';
import { STATUSES } from '../../../src/region/records/lifecycle.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { COMMAND_NAMES } from '../../../src/region/records/machine-commands.ts';
import { faultText } from '../../../src/region/records/power-words.ts';
import { fieldRefusal, partRefusal } from '../../../src/region/records/refusal.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { spoken } from '../../support/sentences.ts';
import { heldPower } from '../life/held-power.ts';
import { makeRegion, type RegionPlace, report } from '../place.ts';
import { ADMIN, addViewer, USER, viewOf } from './view.ts';

const SECRET = 'sehr-geheim';
const ATTACK = `<img src=x onerror="alert(1)">'"&`;

async function withPower(work: (region: Region, place: RegionPlace, systemId: string) => Promise<void>) {
  const place = await makeRegion();
  place.region.close();
  const { store, clock, config } = place;
  await addViewer(store);
  const power = {
    ...heldPower((machine) => machine.powerType === 'ipmi'),
    drivers: POWER_DRIVERS,
    problemsOf: (driver: string, { power_address: address }: Readonly<Record<string, unknown>>) =>
      !POWER_DRIVERS.some(({ name }) => name === driver)
        ? [fieldRefusal(`there is no power driver ${driver}; the drivers are ${[].join(', ')}`)]
        : address === 'nowhere'
          ? [
              partRefusal(
                'invalid-parameters',
                'power_address',
                faultText({ driver, parameter: 'power_address', fault: { kind: 'invalid' } }),
              ),
            ]
          : [],
    reading: () => ({ state: 'error', atMs: 0, ageSeconds: 75, detail: spoken(`no answer ${ATTACK}`) }) as const,
  };
  const region = await openRegion({ config, store, clock, power, onDesiredState: () => undefined });
  const powerParameters = { power_address: '10.0.0.5', power_user: 'ADMIN', power_pass: SECRET };
  const outcome = await region.enlist(
    report([0x525400000001], { hostname: 'web1', powerType: 'ipmi', powerParameters, username: 'admin' }),
  );
  assert.ok(outcome.kind === 'create');
  try {
    await work(region, place, outcome.machine.systemId);
  } finally {
    region.close();
    await place.remove();
  }
}

const pageOf = async (region: Region, machine: string, viewer: Viewer) =>
  `${await renderMachinePage(viewOf(region, { viewer, path: { machine } }))}`;

test('every command has a button, which is offered in the states where the command is allowed', () =>
  withPower(async (region, _place, systemId) => {
    assert.deepEqual(
      COMMAND_NAMES.filter((name) => !MACHINE_ACTIONS.some((action) => action.name === name)),
      [],
    );
    const machine = await region.store.findMachine(systemId);
    assert.ok(machine !== undefined);
    for (const { status } of STATUSES) {
      const one: Machine = { ...machine, status };
      const offered = actionsFor(one, ADMIN).map(({ name }) => name);
      assert.deepEqual(new Set(offered), new Set([...commandsFrom(status), 'delete']), status);
      const theirs = actionsFor({ ...one, owner: 'bob' }, USER);
      assert.deepEqual(theirs, [], `${status}: another user's machine`);
    }
  }));

test("no page contains a secret of the power driver, and the driver's message is escaped", () =>
  withPower(async (region, _place, machine) => {
    for (const viewer of [ADMIN, USER]) {
      for (const page of PAGES) {
        const all = { machine, action: 'accept', task: 'off', tag: 'x', script: 'x' };
        const path = Object.fromEntries(Object.entries(all).filter(([name]) => page.path.includes(`:${name}`)));
        const text = `${await page.render(viewOf(region, { viewer, path }))}`;
        assert.ok(!text.includes(SECRET) && !text.includes('<img'), page.path);
      }
    }
    const text = await pageOf(region, machine, ADMIN);
    assert.match(text, /no answer &lt;img/);
    assert.match(text, /1\u00a0min\u00a0ago/);
    const driver = await PAGES.find(({ path }) => path.endsWith('/power/'))?.render(
      viewOf(region, { viewer: ADMIN, path: { machine } }),
    );
    assert.match(`${driver}`, /value="10\.0\.0\.5"/);
    assert.match(`${driver}`, /Stored\. Leave empty to keep it/);
  }));

test('the form of a driver keeps a secret left empty, and shows the errors of the driver', () =>
  withPower(async (region, _place, machine) => {
    const page = PAGES.find(({ path }) => path.endsWith('/power/'));
    const send = (fields: Readonly<Record<string, string>>) => {
      const given = new Map(Object.entries(fields).map(([name, value]) => [name, [value]] as const));
      return page?.act?.(viewOf(region, { viewer: ADMIN, path: { machine }, form: given }));
    };
    const kept = await send({ power_type: 'ipmi', power_address: '10.0.0.6', power_user: 'root', power_pass: '' });
    assert.equal(kept?.kind, 'done');
    const stored = (await region.store.findMachine(machine))?.powerParameters;
    assert.deepEqual([stored?.power_address, stored?.power_user, stored?.power_pass], ['10.0.0.6', 'root', SECRET]);
    assert.equal((await send({ power_type: 'nothing' }))?.kind, 'refusal');
    const bad = await send({ power_type: 'ipmi', power_address: 'nowhere', power_user: 'root', power_pass: '' });
    assert.ok(bad?.kind === 'refusal');
    assert.deepEqual(
      formatFieldFaults(bad),
      new Map([['power_address', `Is invalid; give ${words.power.parameter('ipmi', 'power_address').expects}.`]]),
    );
    assert.equal((await send({ power_type: 'manual' }))?.kind, 'done');
    assert.deepEqual(
      (await region.store.findMachine(machine))?.powerParameters,
      {},
      'another driver inherits no parameters',
    );
  }));

test('script output is shown only to people with an account, results to every viewer; both are escaped', () =>
  withPower(async (region, { clock }, machine) => {
    const { scripts } = region.store;
    const planned = [{ name: 'burn-in', kind: 'commissioning', timeoutSeconds: 60 }] as const;
    await region.life.command(machine, { name: 'accept' }, { username: 'admin', isAdmin: true, comment: '' });
    const [result] = (await scripts.beginRun(machine, 'commissioning', planned, clock.wallTimeMs())) ?? [];
    assert.ok(result !== undefined);
    const tail = Buffer.from(`said ${ATTACK}`);
    const startedMs = clock.wallTimeMs() - 65_000;
    await scripts.changeResult(machine, result.id, () => ({
      status: 'running',
      startedMs,
      tail,
      outputBytes: tail.length,
    }));
    const resultsSeen = async () => {
      const page = PAGES.find(({ path }) => path === '/MAAS/machines/:machine/scripts/');
      return `${await page?.render(viewOf(region, { viewer: USER, path: { machine } }))}`;
    };
    const seen = await resultsSeen();
    assert.match(seen, /running<\/span>.*burn-in.*1 min 5 s/s);
    assert.match(seen, /said &lt;img/);
    await scripts.changeResult(machine, result.id, () => ({
      status: 'failed',
      exitStatus: 3,
      endedMs: startedMs + 2500,
    }));
    assert.match(await resultsSeen(), /<details id="result-\d+" open>.*exit 3 · 2\.5 s/s);
  }));

test('a script comes from the text field or as a file; an invalid one is refused at its field', () =>
  withPower(async (region) => {
    const page = PAGES.find(({ path }) => path === '/MAAS/scripts/');
    const send = (fields: Readonly<Record<string, string>>) => {
      const given = new Map(Object.entries(fields).map(([name, value]) => [name, [value]] as const));
      return page?.act?.(viewOf(region, { viewer: ADMIN, form: given }));
    };
    const form = { type: 'testing', description: '', timeout: '10m', position: '7', file: '' };
    assert.equal((await send({ ...form, name: 'one', script: '\r\n#!/bin/sh\r\ntrue\r\n' }))?.kind, 'done');
    assert.equal((await send({ ...form, name: 'two', script: '', file: '#!/bin/sh\nfalse\n' }))?.kind, 'done');
    const [one, two] = await Promise.all(['one', 'two'].map((name) => region.store.scripts.findScript(name)));
    assert.deepEqual([one?.content, one?.timeoutSeconds, one?.position], ['#!/bin/sh\ntrue\n', 600, 7]);
    assert.equal(two?.content, '#!/bin/sh\nfalse\n');
    const noted = { ...form, name: 'two', description: 'Fans\r\nof <row> 2', script: '#!/bin/sh\n' };
    const single = PAGES.find(({ path }) => path === '/MAAS/scripts/:script/');
    const given = new Map(Object.entries(noted).map(([name, value]) => [name, [value]] as const));
    assert.equal(
      (await single?.act?.(viewOf(region, { viewer: ADMIN, form: given, path: { script: 'two' } })))?.kind,
      'done',
    );
    const shown = async (viewer: Viewer) =>
      String(await single?.render(viewOf(region, { viewer, path: { script: 'two' } })));
    assert.match(await shown(ADMIN), /<textarea [^>]*name="description"[^>]*>\nFans\nof &lt;row&gt; 2<\/textarea>/);
    assert.match(await shown(USER), /<p class="lead lines">Fans\nof &lt;row&gt; 2<\/p>/);
    assert.match(String(await page?.render(viewOf(region, { viewer: USER }))), /<div class="lines">Fans\nof /);
    const tagged =
      '#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# tags: [hot]\n# --- End MAAS 1.0 script metadata ---\n';
    await send({ ...form, name: 'four', script: tagged, tags: '' });
    const four = async () => (await region.store.scripts.findScript('four'))?.tags;
    assert.deepEqual(await four(), ['hot'], 'an empty field leaves them to the text');
    const edit = async (fields: Readonly<Record<string, string>>) => {
      const given = new Map(Object.entries({ ...form, name: 'four', ...fields }).map(([name, one]) => [name, [one]]));
      const editing = PAGES.find(({ path }) => path === '/MAAS/scripts/:script/');
      await editing?.act?.(viewOf(region, { viewer: ADMIN, form: given, path: { script: 'four' } }));
      return await four();
    };
    assert.deepEqual(await edit({ script: tagged, tags: 'hot, noauto' }), ['hot', 'noauto']);
    assert.deepEqual(
      await edit({ script: tagged, tags: 'hot, noauto' }),
      ['hot', 'noauto'],
      'its text has not changed',
    );
    const listed = `${await page?.render(viewOf(region, { viewer: ADMIN }))}`;
    assert.match(listed, /runs only where it is chosen · tags: hot, noauto/);
    assert.deepEqual(await edit({ script: tagged, tags: '' }), []);
    const refused = await send({ ...form, name: 'three', script: 'no interpreter' });
    assert.ok(refused?.kind === 'refusal');
    assert.match(formatRefusal(refused), /^script: The first line must name an interpreter/);
    assert.equal(
      (
        await PAGES.find(({ path }) => path === '/MAAS/scripts/:script/')?.render(
          viewOf(region, { viewer: ADMIN, path: { script: 'one' } }),
        )
      )
        ?.toString()
        .includes('enctype="multipart/form-data"'),
      true,
    );
  }));

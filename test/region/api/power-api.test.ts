// The power of machines over the API: switching, querying, and parameters that the driver checks and only administrators see.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POWER_DRIVERS } from '../../../src/power/drivers.ts';
import type { Viewer } from '../../../src/region/page/frame/view.ts';
import { renderMachinePage } from '../../../src/region/page/machines/machine-page.ts';
import { renderPage } from '../../../src/region/page/machines/machines-page.ts';
import { POWER_PARAMETER_NAMES } from '../../../src/region/records/power-parameters.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { PowerSide } from '../../../src/region-host/power-side.ts';
import { Controller, controllerDriver, pass } from '../../power/controllers.ts';
import { assertStatus } from '../../support/answered.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { type Answered, type Ask, addCallers, askerOf, type CallerName } from '../asked-api.ts';
import { ADMIN, USER, viewOf } from '../page/view.ts';
import { enlist, makeRegion, type RegionPlace, report } from '../place.ts';

const SECRET = 'hush-hush-7';

interface Client {
  readonly ask: Ask;
  readonly place: RegionPlace;
  readonly region: Region;
  readonly controller: Controller;
  readonly good: (...request: Parameters<Ask>) => Promise<Answered['json']>;
  readonly enlist: (mac?: number) => Promise<string>;
  /** The same client of an ordinary user. */
  readonly eve: () => Client;
  readonly enlistPowered: (mac?: number) => Promise<string>;
}

function clientOf(place: RegionPlace, controller: Controller, asked: Ask, by: CallerName) {
  const ask: Ask = (method, path, fields) => asked(method, path, fields, by);
  const client: Client = {
    ask,
    place,
    controller,
    region: place.region,
    async good(...request) {
      const { status, text, json } = await ask(...request);
      assert.equal(status, 200, text);
      return json;
    },
    enlist: async (mac = 0x525400000001) => (await enlist(place.region, report([mac]))).systemId,
    eve: () => clientOf(place, controller, asked, 'alice'),
    async enlistPowered(mac) {
      const id = await client.enlist(mac);
      const power = { power_type: 'memory', power_parameters_power_address: 'a' };
      await client.good('PUT', `2.0/machines/${id}/`, power);
      return id;
    },
  };
  return client;
}

async function withClient(work: (client: Client) => Promise<void>) {
  const place = await makeRegion();
  place.region.close();
  const { store, clock, config, stateDir } = place;
  const controller = new Controller('a', clock);
  const memory = controllerDriver(new Map([['a', controller]]));
  // A driver that a machine may propose for itself.
  const moonshot = { ...controllerDriver(new Map([['10.9.0.1', controller]])), name: 'moonshot' };
  const drivers = [...POWER_DRIVERS, memory, moonshot];
  const power = new PowerSide({ store, clock, stateDir, drivers });
  const region = await openRegion({ config, store, clock, power, onDesiredState: () => undefined });
  await power.begin(region.life);
  try {
    const ask = askerOf(region, await addCallers(place));
    await work(clientOf({ ...place, region }, controller, ask, 'admin'));
  } finally {
    await power.close();
    region.close();
    await place.remove();
  }
}

test('every parameter of every driver may be given alone', () => {
  const known: ReadonlySet<string> = new Set(POWER_PARAMETER_NAMES);
  const places =
    'src/region/records/power-parameters.ts (POWER_PARAMETER_NAMES) and src/region/api/machines/power-fields.ts';
  for (const { name: driver, parameters } of POWER_DRIVERS)
    for (const { name } of parameters)
      assert.ok(known.has(name), `driver ${driver}, parameter ${name}: add it to ${places}`);
  const used: ReadonlySet<string> = new Set(
    POWER_DRIVERS.flatMap(({ parameters }) => parameters.map(({ name }) => name)),
  );
  for (const name of POWER_PARAMETER_NAMES)
    assert.ok(used.has(name), `no driver has ${name}: remove it from ${places}`);
});

test('the driver checks parameters before they are stored; refusals name each problem and no secret', () =>
  withClient(async (client) => {
    const id = await client.enlist();
    const set = (fields: Readonly<Record<string, string>>) => client.ask('PUT', `2.0/machines/${id}/`, fields);
    const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
      [
        { power_type: 'amt' },
        /"power_type":\s*\[\s*"there is no power driver amt; the drivers are manual, wakeonlan, ipmi, redfish, virsh, webhook, command/,
      ],
      [{ power_type: 'ipmi' }, /power_address: is missing/],
      [{ power_type: 'ipmi', power_parameters: `{"power_pass":"${SECRET} ${'x'.repeat(80)}"}` }, /power_address: is/],
      [
        { power_type: 'ipmi', power_parameters: '{"power_adress":"10.0.0.1"}' },
        /power_adress: not a parameter of this/,
      ],
      [
        { power_type: 'virsh', power_parameters_power_address: 'http://x', power_parameters_power_id: 'vm' },
        /power_add/,
      ],
      [{ power_type: 'impi' }, /there is no power driver impi; .*; did you mean ipmi\?/],
      [{ power_type: 'manual', power_parameters_power_pass: SECRET }, /power_pass: not a parameter of this driver/],
      [{ power_type: 'ipmi', power_parameters: '[1]' }, /Give a JSON object/],
      [{ power_type: 'ipmi', power_parameters_power_user: 'a\nb' }, /Give at most 32 printable texts/],
      [{ power_parameters: '{"power_address":"10.0.0.1"}' }, /give a power_type with the parameters/],
    ];
    for (const [fields, said] of cases) {
      const { status, text, refusal } = await set(fields);
      assert.deepEqual([status, refusal], [400, 'invalid-parameters'], text);
      assert.match(text, said);
      assert.ok(!text.includes(SECRET), text);
    }
    assert.equal((await client.region.store.findMachine(id))?.powerType, '');
    await client.good('PUT', `2.0/machines/${id}/`, { power_type: 'amt', power_parameters_skip_check: 'true' });
    const ipmi = { power_address: '10.0.0.9', power_user: 'maas', power_pass: SECRET };
    const shown = await assertStatus(
      client.ask('PUT', `2.0/machines/${id}/`, {
        power_type: 'ipmi',
        power_parameters: JSON.stringify(ipmi),
      }),
      200,
    );
    assert.ok(!shown.text.includes(SECRET));
    await client.good('PUT', `2.0/machines/${id}/`, { power_parameters_power_user: 'root', description: 'x' });
    const stored = { ...ipmi, power_user: 'root' };
    assert.deepEqual(await client.good('GET', `2.0/machines/${id}/?op=power_parameters`), stored);
    assert.deepEqual(await client.good('GET', `2.0/machines/?op=power_parameters&id=${id}`), { [id]: stored });
    await client.good('PUT', `2.0/machines/${id}/`, { power_type: 'manual' });
    assert.deepEqual(await client.good('GET', `1.0/nodes/${id}/?op=power_parameters`), {});
    const events = JSON.stringify(await client.region.store.listEvents({ limit: 100 }));
    assert.ok(!events.includes(SECRET));
  }));

test('a user who adds a machine learns of bad parameters; of a machine’s own report only harmless ones are kept', () =>
  withClient(async (client) => {
    const fields = { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:07' };
    const refused = await client.ask('POST', '2.0/machines/', { ...fields, power_type: 'ipmi' });
    assert.deepEqual([refused.status, /power_address: is missing/.test(refused.text)], [400, true]);
    const more = { power_type: 'memory', power_parameters_power_address: 'a' };
    const made = await client.good('POST', '2.0/machines/', { ...fields, ...more });
    assert.deepEqual((await client.region.store.findMachine(made.system_id))?.powerParameters, { power_address: 'a' });
    const { events } = await client.good('GET', '2.0/events/?op=query&level=DEBUG');
    const said = events.map(({ description }: { description: string }) => description);
    assert.ok(said.includes('added by hand'), said.join('|'));
  }));

test('power parameters that an ordinary user proposes are not used before the machine is accepted', () =>
  withClient(async (client) => {
    const { clock } = client.place;
    const eve = client.eve();
    const fields = { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:07', power_type: 'moonshot' };
    const made = await eve.good('POST', '2.0/machines/', { ...fields, power_parameters_power_address: '10.9.0.1' });
    await pass(clock, 3 * 60_000, 1_000);
    assert.deepEqual(client.controller.asked, []);
    const shown = await eve.good('GET', `2.0/machines/${made.system_id}/?op=query_power_state`);
    assert.deepEqual([client.controller.asked, shown.state], [[], 'unknown']);
    await client.good('POST', `2.0/machines/${made.system_id}/?op=commission`);
    await pass(clock, 3_000);
    assert.deepEqual(client.controller.asked.slice(0, 1), ['off hard']);
  }));

const FORM = { architecture: 'amd64/generic', mac_addresses: '52:54:00:00:00:07' };
const AT_HOME = 'http://127.0.0.1:5249/metrics';
const WEBHOOK = { power_on_uri: AT_HOME, power_off_uri: AT_HOME, power_query_uri: AT_HOME };
const DARING: readonly (readonly [what: string, power: Readonly<Record<string, string>>])[] = [
  ['a webhook', { power_type: 'webhook', power_parameters: JSON.stringify(WEBHOOK) }],
  ['virsh', { power_type: 'virsh', power_parameters: '{"power_address":"qemu+ssh://x/system","power_id":"vm"}' }],
  ['a BMC by a name', { power_type: 'ipmi', power_parameters_power_address: 'bmc.example' }],
  [
    'flags of a program',
    { power_type: 'ipmi', power_parameters: '{"power_address":"10.9.0.1","workaround_flags":"x"}' },
  ],
  ['an unknown driver, unchecked', { power_type: 'amt', power_parameters_skip_check: 'true' }],
  ['parameters without a driver', { power_parameters: JSON.stringify(WEBHOOK), power_parameters_skip_check: 'true' }],
];
for (const [what, power] of DARING) {
  test(`neither an ordinary user nor a machine may propose ${what}`, () =>
    withClient(async (client) => {
      for (const path of ['2.0/machines/', '1.0/nodes/?op=new']) {
        const refused = await client.eve().ask('POST', path, { ...FORM, ...power });
        assert.deepEqual([refused.status, refused.refusal], [403, 'not-allowed'], refused.text);
        assert.match(refused.text, /^Only an administrator/);
      }
      assert.equal(await client.region.store.countMachines({}), 0);
    }));
}

test('unsafe parameters that an ordinary user once proposed are dropped when the machine is accepted', () =>
  withClient(async (client) => {
    const id = await client.enlist();
    const fields = { powerType: 'webhook', powerParameters: WEBHOOK, powerIsProposed: true } as const;
    await client.region.store.changeMachine<never>(id, 1, () => ({ kind: 'change', fields, events: [] }));
    await client.good('POST', `2.0/machines/${id}/?op=commission`);
    const { powerType, powerParameters, powerTask } = (await client.region.store.findMachine(id)) ?? {};
    assert.deepEqual([powerType, powerParameters, powerTask], ['', {}, undefined]);
  }));

test('only administrators see the address and the answer of a controller; its owner sees that it does not answer', () =>
  withClient(async (client) => {
    const { clock, store } = client.place;
    const id = await client.enlistPowered();
    const eve = client.eve();
    const owned = { status: 'allocated', owner: 'alice' } as const;
    await store.changeMachine<never>(id, 1, () => ({ kind: 'change', fields: owned, events: [] }));
    const address = '10.9.0.1:8080';
    client.controller.behaviour = 'is-away';
    client.controller.away = { code: 'web-failed', params: { host: address, said: `connect ECONNREFUSED ${address}` } };
    client.controller.said = 'uid=0 of another service';
    const query = async (by: Client): Promise<string> => {
      const asked = by.good('GET', `2.0/machines/${id}/?op=query_power_state`);
      await pass(clock, 500, 100);
      return (await asked).text;
    };
    assert.match(await query(client), /10\.9\.0\.1:8080.*uid=0/);
    const forEve = await query(eve);
    assert.notEqual(forEve, '');
    assert.doesNotMatch(forEve, /10\.9\.0\.1|uid=0/);
    await eve.good('POST', `2.0/machines/${id}/?op=power_on`);
    await pass(clock, 5_000);
    const failed = (await store.listEvents({ limit: 100 })).find(({ code }) => code === 'power-failed');
    assert.ok(failed?.code === 'power-failed');
    const fields = { statusReason: { code: failed.code, params: failed.params } };
    await store.changeMachine<never>(id, 1, () => ({ kind: 'change', fields, events: [] }));
    const pages = async (viewer: Viewer) => {
      const view = viewOf(client.region, { viewer });
      return `${await renderPage(view)}${await renderMachinePage({ ...view, path: { machine: id } })}`;
    };
    const log = '2.0/events/?op=query&level=DEBUG';
    for (const path of [log, '2.0/machines/', `2.0/machines/${id}/`, '1.0/nodes/?op=list', `1.0/nodes/${id}/`]) {
      const { status, text } = await eve.ask('GET', path);
      assert.equal(status, 200);
      assert.match(text, path === log ? /"code": ?"web-failed"/ : /allocated|Allocated/i);
      assert.doesNotMatch(text, /10\.9\.0\.1|uid=0/, path);
    }
    assert.match(await pages(USER), /class="(?:steps|events)"/);
    assert.doesNotMatch(await pages(USER), /10\.9\.0\.1|uid=0/);
    for (const text of [(await client.ask('GET', log)).text, await pages(ADMIN)])
      assert.match(text, /10\.9\.0\.1:8080/);
    assert.deepEqual(await store.power.listUnended(), []);
  }));

test('a user who queries too many machines at once is refused, while others can still query', () =>
  withClient(async (client) => {
    const { clock } = client.place;
    const eve = client.eve();
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push(await client.enlistPowered(0x525400000010 + index));
    const query = (by: Client, id = '') => by.ask('GET', `2.0/machines/${id}/?op=query_power_state`);
    client.controller.behaviour = 'hangs';
    const asked = ids.slice(0, 4).map((id) => query(eve, id));
    await pass(clock, 4_000);
    const [fifth] = await Promise.all([query(eve, ids[4]), pass(clock, 1_000)]);
    assert.deepEqual([fifth?.status, fifth?.refusal], [429, 'rate-limit']);
    const [admins] = await Promise.all([query(client, ids[4]), ...asked, pass(clock, 13_000)]);
    assert.equal(admins.status, 200);
  }));

test('power is switched after the answer, one thing at a time, and shown with its age', () =>
  withClient(async (client) => {
    const { clock } = client.place;
    const id = await client.enlistPowered();
    const begun = await client.good('POST', `2.0/machines/${id}/?op=power_on`, { comment: 'for a look' });
    assert.deepEqual([begun.power_state, begun.power_task, begun.power_state_age], ['unknown', 'on', null]);
    const [newest] = await client.region.store.listEvents({ limit: 1 });
    assert.deepEqual([sentenceOf(newest), newest?.id], ['power on: for a look', begun.event_id]);
    const busy = await client.ask('POST', `2.0/machines/${id}/?op=power_off`);
    // As MAAS answers while a power action is in progress; its clients repeat the request.
    assert.deepEqual([busy.status, busy.refusal, busy.headers['retry-after']], [503, 'power-busy', '5']);
    assert.match(busy.text, /is being switched on at this moment/);
    assert.equal((await client.ask('GET', `2.0/machines/${id}/?op=query_power_state`)).refusal, 'power-busy');
    await pass(clock, 5_500);
    const on = await client.good('GET', `2.0/machines/${id}/`);
    assert.deepEqual([on.power_state, on.power_task], ['on', '']);
    assert.ok(on.power_state_age >= 4 && on.power_state_age <= 5, String(on.power_state_age));
    const odd = await client.ask('POST', `2.0/machines/${id}/?op=power_off`, { stop_mode: 'rude' });
    assert.deepEqual([odd.status, odd.json], [400, { stop_mode: ['Give hard or soft.'] }]);
    await client.good('POST', `2.0/machines/${id}/?op=power_off`, { stop_mode: 'soft' });
    await pass(clock, 500);
    await client.good('POST', `2.0/machines/${id}/?op=power_cycle`);
    await pass(clock, 2_000);
    await client.good('POST', `1.0/nodes/${id}/?op=stop`);
    await pass(clock, 2_000);
    const changes = client.controller.asked.filter((what) => what !== 'query');
    assert.deepEqual(changes, ['netboot', 'on', 'off soft', 'off hard', 'netboot', 'on', 'off hard']);
    assert.equal((await client.good('GET', `1.0/nodes/${id}/`)).power_state, 'off');
    const said = (await client.region.store.listEvents({ limit: 100 })).map(sentenceOf);
    assert.ok(said.includes('power on: for a look'));
  }));

test('in 1.0 start switches a deployed machine on, by its disk', () =>
  withClient(async (client) => {
    const id = await client.enlistPowered();
    for (const status of ['ready', 'allocated', 'deploying', 'deployed'] as const) {
      await changeStatus(client.region, id, status, { username: 'bob' });
    }
    const started = await client.good('POST', `1.0/nodes/${id}/?op=start`);
    assert.deepEqual([started.substatus_name, started.power_task], ['Deployed', 'on']);
    await pass(client.place.clock, 1_000);
    assert.deepEqual(
      client.controller.asked.filter((what) => what !== 'query'),
      ['on'],
    );
  }));

test('a query is sent at once, and its answer comes in bounded time', () =>
  withClient(async (client) => {
    const { clock } = client.place;
    const id = await client.enlistPowered();
    const query = async (ms: number): Promise<unknown> => {
      const asked = client.good('GET', `2.0/machines/${id}/?op=query_power_state`);
      await pass(clock, ms, 100);
      return asked;
    };
    assert.deepEqual(await query(500), { state: 'off', age: 0, text: '' });
    client.controller.behaviour = 'is-away';
    const away = await client.good('GET', `2.0/machines/${id}/`);
    assert.equal(away.power_state, 'off');
    assert.deepEqual(await query(500), { state: 'error', age: 0, text: 'nobody there' });
    client.controller.behaviour = 'hangs';
    assert.deepEqual(await query(13_000), { state: 'unknown', age: null, text: 'no answer within 12 s' });
    await client.good('PUT', `2.0/machines/${id}/`, { power_type: 'manual' });
    assert.deepEqual(await query(100), { state: 'unknown', age: null, text: 'it is switched by hand' });
    const refused = await client.ask('POST', `2.0/machines/${id}/?op=power_on`);
    assert.deepEqual([refused.status, refused.refusal], [409, 'power-by-hand']);
    assert.match(refused.text, / is switched by hand: .*`rackboot power set`/);
    await assertStatus(client.ask('POST', '2.0/machines/nobody/?op=power_on'), 404);
    await assertStatus(client.ask('GET', '2.0/machines/nobody/?op=query_power_state'), 404);
  }));

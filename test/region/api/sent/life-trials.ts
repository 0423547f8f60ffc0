// Trials of commands to machines: their comments, and what else they take.

import assert from 'node:assert/strict';
import type { MachineStatus } from '../../../../src/region/records/lifecycle.ts';
import type { AskedApi } from '../../asked-api.ts';
import {
  both,
  type Fields,
  type Given,
  IMAGE,
  machine,
  machineAfter,
  onMachine,
  onMachines,
  type Sight,
  said,
  sshKey,
  type Trial,
} from './trial.ts';

const COMMENT = { comment: 'because of the fans' };
const commented = (op: string, status: MachineStatus, old = op): readonly Trial[] =>
  onMachines(
    'POST',
    '/{system_id}',
    op,
    {
      given: keyed(status),
      send: COMMENT,
      reads: { comment: said },
    },
    old,
  );
/** A machine whose owner can log in to it. */
const keyed =
  (status: MachineStatus) =>
  async (site: AskedApi): Promise<Given> => {
    await site.ask('POST', '2.0/account/prefs/sshkeys/', { key: sshKey(1) });
    return await onMachine(status, status === 'deployed' || status === 'allocated' ? { owner: 'admin' } : {})(site);
  };
const isNow = (status: string) => async (sight: Sight) => assert.equal((await machineAfter(sight)).status_name, status);

const saidAsComment = (sight: Sight) => said({ ...sight, sent: { comment: sight.sent.error_description ?? '' } });

const PLAIN: readonly Trial[] = [
  ...onMachines('POST', '/{system_id}', 'mark_broken', {
    given: keyed('broken'),
    send: { error_description: 'because of the disks' },
    reads: { error_description: saidAsComment },
  }),
  ...commented('abort', 'commissioning', 'abort_operation'),
  ...commented('mark_broken', 'ready'),
  ...commented('mark_fixed', 'broken'),
  ...commented('mark_missing', 'ready'),
  ...commented('rescue_mode', 'deployed'),
  ...commented('exit_rescue_mode', 'rescue-mode'),
  ...commented('override_failed_testing', 'failed-testing'),
  ...commented('retire', 'ready'),
  ...commented('reinstate', 'retired'),
  ...commented('commission', 'ready'),
  { of: '2.0 POST machines/{system_id} test', given: onMachine('ready'), send: COMMENT, reads: { comment: said } },
  ...['lock', 'unlock'].map(
    (op): Trial => ({
      of: `2.0 POST machines/{system_id} ${op}`,
      given: onMachine('ready'),
      send: COMMENT,
      reads: { comment: said },
    }),
  ),
  ...onMachines('POST', '/{system_id}', 'accept', {
    given: onMachine('new'),
    send: { ...COMMENT, skip_commissioning: 'true' },
    reads: { comment: said, skip_commissioning: isNow('Ready') },
  }),
];

/** @param others the parameters that are sent besides */
const erases = (field: string, mode: string, others: Fields = {}): readonly Trial[] =>
  onMachines('POST', '/{system_id}', 'release', {
    given: async (site) => ({ ...(await onMachine('deployed', { owner: 'admin' })(site)), fields: others }),
    send: { [field]: 'true' },
    reads: {
      [field]: async (sight) => {
        await isNow('Disk erasing')(sight);
        const found = await sight.site.place.store.findMachine(String(sight.given.path?.system_id));
        assert.match(JSON.stringify(found?.work), new RegExp(`"${mode}"`));
      },
    },
  });

const USER_DATA = '#cloud-config\n';
const hasWork =
  (part: RegExp) =>
  async ({ site, given }: Sight) => {
    const found = await site.place.store.findMachine(String(given.path?.system_id));
    assert.match(JSON.stringify(found?.work), part);
  };

/** Every system is there with every kernel. */
const anyImage: NonNullable<Trial['options']>['findImage'] = ({ os, release, kernel = 'ga-13' }) => ({
  ...IMAGE,
  os,
  release,
  system: { subarch: kernel },
});
const ofUbuntu = async (site: AskedApi): Promise<Given> => {
  await site.ask('POST', '2.0/maas/?op=set_config', { name: 'default_osystem', value: 'ubuntu' });
  return await keyed('allocated')(site);
};

const DEPLOYMENT: readonly Trial[] = [
  ...onMachines(
    ...(['POST', '/{system_id}', 'deploy'] as const),
    {
      given: ofUbuntu,
      options: { findImage: anyImage },
      send: { distro_series: 'own', osystem: 'rocky', hwe_kernel: 'hwe-13' },
    },
    'start',
  ),
  ...onMachines(
    ...(['POST', '/{system_id}', 'deploy'] as const),
    {
      given: keyed('allocated'),
      send: { distro_series: 'trixie', deploy_by: 'installer' },
      reads: { distro_series: 'distro_series', deploy_by: hasWork(/"deployBy":"installer"/) },
    },
    'start',
  ),
  ...onMachines(
    ...(['POST', '/{system_id}', 'deploy'] as const),
    {
      given: keyed('allocated'),
      send: {
        ...COMMENT,
        distro_series: 'trixie',
        disk: 'sdb',
        user_data: Buffer.from(USER_DATA).toString('base64'),
        ip_address: '10.20.0.77',
      },
      reads: {
        comment: said,
        disk: hasWork(/"sdb"/),
        ip_address: { at: 'allocated_ip_addresses', is: ['10.20.0.77'] },
        user_data: async ({ site, given }) => {
          const bytes = await site.place.store.life.userData(String(given.path?.system_id));
          assert.equal(Buffer.from(bytes ?? []).toString(), USER_DATA);
        },
      },
    },
    'start',
  ),
  ...erases('erase', 'all'),
  ...erases('quick_erase', 'signatures', { erase: 'true' }),
  ...erases('secure_erase', 'all', { erase: 'true', quick_erase: 'true' }),
  ...onMachines('POST', '/{system_id}', 'release', {
    given: onMachine('deployed', { owner: 'admin' }),
    send: COMMENT,
    reads: { comment: said },
  }),
];

const many = (op: string, status: MachineStatus): readonly Trial[] =>
  (['2.0 POST machines', '1.0 POST nodes'] as const).map((of) => {
    const field = of.startsWith('2.0') ? 'machines' : 'nodes';
    return {
      of: `${of} ${op}`,
      given: async (site: AskedApi) => ({
        kept: await machine(site, status, status === 'new' ? {} : { owner: 'admin' }),
      }),
      send: ({ kept = '' }: Given) => ({ [field]: kept, ...COMMENT }),
      reads: {
        [field]: ({ answer, given }: Sight) => assert.match(answer.text, new RegExp(given.kept ?? '?')),
        comment: said,
      },
    };
  });

const TEST_SCRIPT = '#!/bin/sh\necho ok\n';
async function scripted(site: AskedApi): Promise<Given> {
  await site.ask('POST', '2.0/scripts/', { name: 'fan', script: TEST_SCRIPT, type: 'testing' });
  await site.ask('POST', '2.0/scripts/', { name: 'other', script: TEST_SCRIPT, type: 'testing' });
  for (const name of ['bios', 'other-bios']) await site.ask('POST', '2.0/scripts/', { name, script: TEST_SCRIPT });
  return await keyed('ready')(site);
}
const chooses =
  (name: string) =>
  async ({ site, given }: Sight) => {
    const found = await site.place.store.findMachine(String(given.path?.system_id));
    const text = JSON.stringify(found?.work);
    assert.ok(text.includes(`"${name}"`) && !/"other(?:-bios)?"/.test(text), text);
  };

const hasDebugLogin = async ({ site, given }: Sight) => {
  const { json } = await site.ask('GET', `2.0/machines/${given.path?.system_id}/?op=logins`);
  assert.deepEqual([json[0]?.kind, json[0]?.username], ['debug', 'admin']);
};

const SCRIPTS: readonly Trial[] = [
  ...onMachines('POST', '/{system_id}', 'commission', {
    given: scripted,
    send: { commissioning_scripts: 'bios', testing_scripts: 'fan', enable_ssh: 'true' },
    reads: { commissioning_scripts: chooses('bios'), testing_scripts: chooses('fan'), enable_ssh: hasDebugLogin },
  }),
  {
    of: '2.0 POST machines/{system_id} test',
    given: scripted,
    send: { testing_scripts: 'fan', enable_ssh: 'true' },
    reads: { testing_scripts: chooses('fan'), enable_ssh: hasDebugLogin },
  },
];

async function switchable(site: AskedApi): Promise<Given> {
  return await onMachine('ready', { powerType: 'webhook' })(site);
}
const POWER: Trial['options'] = {
  power: {
    drivers: [],
    switches: () => 'on-and-off',
    problemsOf: () => [],
    follow: () => undefined,
    reading: () => undefined,
    ask: () => undefined,
  },
};
const SWITCHING: readonly Trial[] = [
  ...onMachines(
    ...(['POST', '/{system_id}', 'power_off'] as const),
    {
      given: switchable,
      options: POWER,
      send: { ...COMMENT, stop_mode: 'soft' },
      reads: { comment: said, stop_mode: { at: 'power_task', is: 'soft-off' } },
    },
    'stop',
  ),
  ...['power_on', 'power_cycle'].map(
    (op): Trial => ({
      of: `2.0 POST machines/{system_id} ${op}`,
      given: switchable,
      options: POWER,
      send: COMMENT,
      reads: { comment: said },
    }),
  ),
];

const debugging = keyed('commissioning');
const LOGINS: readonly Trial[] = onMachines('POST', '/{system_id}', 'debug_login', {
  given: debugging,
  send: { ...COMMENT, seconds: '600' },
  reads: { comment: said, seconds: ({ answer }) => assert.match(answer.text, /"seconds_left":600/) },
}).concat(
  onMachines('POST', '/{system_id}', 'debug_login', {
    given: async (site) => {
      const given = await debugging(site);
      await site.ask('POST', `2.0/machines/${given.path?.system_id}/?op=debug_login`, { seconds: '600' });
      return given;
    },
    send: { off: 'true' },
    reads: {
      off: async ({ site, given }) =>
        assert.deepEqual((await site.ask('GET', `2.0/machines/${given.path?.system_id}/?op=logins`)).json, []),
    },
  }),
);

const planned = (name: string) => ({ name, kind: 'testing', timeoutSeconds: 60 }) as const;
async function ran(site: AskedApi): Promise<Given> {
  const given = await scripted(site);
  const id = String(given.path?.system_id);
  const { scripts } = site.place.store;
  const [bios] = (await scripts.beginRun(id, 'commissioning', [planned('bios')], 1)) ?? [];
  await scripts.changeResult(id, bios?.id ?? 0, () => ({ status: 'passed' }));
  const [first] = (await scripts.beginRun(id, 'testing', [planned('fan'), planned('other')], 2)) ?? [];
  await scripts.changeResult(id, first?.id ?? 0, () => ({
    status: 'passed',
    tail: Buffer.from('cool'),
    outputBytes: 4,
  }));
  return { path: { system_id: id, id: first?.run ?? 0 } };
}
const justFan = ({ answer }: Sight) => {
  const found = [answer.json]
    .flat()
    .flatMap((run: { readonly results: readonly { readonly name: string }[] }) => run.results);
  assert.deepEqual(
    found.map(({ name }) => name),
    ['fan'],
  );
};
const hasOutput = ({ answer }: Sight) => assert.match(answer.text, /"output":/);

const RESULTS: readonly Trial[] = ['', '/{id}'].flatMap((rest): readonly Trial[] => [
  {
    of: `2.0 GET nodes/{system_id}/results${rest}`,
    given: ran,
    send: { filters: 'fan' },
    reads: { filters: justFan },
  },
  {
    of: `2.0 GET nodes/{system_id}/results${rest}`,
    given: ran,
    send: { include_output: 'true' },
    reads: { include_output: hasOutput },
  },
]);

export const LIFE_TRIALS: readonly Trial[] = [
  {
    of: '1.0 GET nodes deployment_status',
    given: async (site) => ({ kept: await machine(site, 'deployed', { owner: 'admin' }) }),
    send: ({ kept = '' }) => ({ nodes: kept }),
    reads: { nodes: ({ answer, given }) => assert.deepEqual(answer.json, { [given.kept ?? '']: 'Deployed' }) },
  },
  ...PLAIN,
  ...DEPLOYMENT,
  ...many('release', 'allocated'),
  ...many('accept', 'new'),
  ...SCRIPTS,
  ...SWITCHING,
  ...LOGINS,
  ...RESULTS,
  {
    of: '2.0 GET nodes/{system_id}/results',
    given: ran,
    send: { type: 'testing' },
    reads: {
      type: ({ answer }) =>
        assert.deepEqual(
          answer.json.map((run: { readonly type: number }) => run.type),
          [2],
        ),
    },
  },
  {
    of: '2.0 GET nodes/{system_id}/results/{id} download',
    given: ran,
    send: { filters: 'fan' },
    reads: { filters: ({ answer }) => assert.equal(answer.text, 'cool') },
  },
];

const eventsOf = async (site: AskedApi): Promise<Given> => {
  const kept = await machine(site, 'allocated', {
    domain: 'example.org',
    hostname: 'one',
    owner: 'alice',
    agentName: 'juju',
  });
  const other = await machine(site, 'ready', { hostname: 'two' }, 3);
  await site.ask('PUT', `2.0/machines/${kept}/`, { zone: 'hall', pool: 'lab' });
  await site.ask('POST', `2.0/machines/${kept}/?op=lock`, {}, 'alice');
  await site.ask('POST', `2.0/machines/${other}/?op=lock`);
  return { kept };
};
export const EVENT_FILTERS = {
  hostname: 'one',
  mac_address: '52:54:00:00:00:01',
  domain: 'example.org',
  zone: 'hall',
  pool: 'lab',
  agent_name: 'juju',
};
const ofOne = ({ answer, given }: Sight) => {
  const nodes: readonly string[] = answer.json.events.map((one: { readonly node: string }) => one.node);
  assert.deepEqual([...new Set(nodes)], [given.kept]);
};
const AUDITS = { level: 'AUDIT' };
/** Six more events at least; what is kept is the id of one between others. */
async function sixEvents(site: AskedApi): Promise<Given> {
  const given = await eventsOf(site);
  for (const op of ['unlock', 'lock', 'unlock', 'lock', 'unlock', 'lock'])
    await site.ask('POST', `2.0/machines/${given.kept}/?op=${op}`);
  const { events: listed } = (await site.ask('GET', '2.0/events/?op=query', AUDITS)).json;
  const ids: readonly number[] = listed.map(({ id }: { readonly id: number }) => id);
  assert.ok(ids.length > 6);
  return { kept: String(ids[3]), fields: AUDITS };
}
const idsOf = ({ answer }: Sight): readonly number[] => answer.json.events.map(({ id }: { readonly id: number }) => id);
const events = (trial: Omit<Trial, 'of'>) => both('GET events query', { given: eventsOf, ...trial });

/** The events of the log. */
export const EVENT_TRIALS: readonly Trial[] = [
  ...Object.entries(EVENT_FILTERS).flatMap(([name, text]) =>
    events({ send: { [name]: text }, reads: { [name]: ofOne } }),
  ),
  ...events({ send: ({ kept = '' }) => ({ id: kept }), reads: { id: ofOne } }),
  ...events({
    send: { level: 'AUDIT', owner: 'alice' },
    reads: {
      level: ({ answer }) => assert.match(answer.text, /"level":"AUDIT"/),
      owner: ({ answer }) => assert.doesNotMatch(answer.text, /"username":"admin"/),
    },
  }),
  ...events({ given: sixEvents, send: { limit: '2' }, reads: { limit: { at: 'count', is: 2 } } }),
  ...events({
    given: sixEvents,
    send: ({ kept = '' }) => ({ before: kept }),
    reads: { before: (sight) => assert.ok(Math.max(...idsOf(sight)) < Number(sight.given.kept)) },
  }),
  ...events({
    given: sixEvents,
    send: ({ kept = '' }) => ({ after: kept }),
    reads: {
      after: (sight) => assert.ok(idsOf(sight).length > 0 && Math.min(...idsOf(sight)) > Number(sight.given.kept)),
    },
  }),
];

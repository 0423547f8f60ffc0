// Trials of machines and devices: their fields, the filters of their lists, the conditions of an allocation.

import assert from 'node:assert/strict';
import { parseIpv4 } from '../../../../src/ground/address.ts';
import { POWER_PARAMETER_NAMES } from '../../../../src/region/records/power-parameters.ts';
import { fieldRefusal } from '../../../../src/region/records/refusal.ts';
import { assertStatus } from '../../../support/answered.ts';
import type { AskedApi } from '../../asked-api.ts';
import { acceptRack, rackInterface } from '../../racks/rack-place.ts';
import {
  FIRST_MAC,
  farRack,
  type Given,
  machine,
  machineAfter,
  only,
  onMachine,
  onMachines,
  type Read,
  type Sight,
  said,
  type Trial,
} from './trial.ts';

/** Conditions of allocations and of lists; those on networks are tried in `allocate-networks`. */
const SHARED_CONDITIONS = {
  arch: 'amd64',
  cpu_count: '4',
  mem: '4096',
  tags: 'gpu',
  not_tags: 'slow',
  link_speed: '1000',
  not_in_zone: 'default',
  not_in_pool: 'default',
};
const LIST_CONDITIONS = {
  ...SHARED_CONDITIONS,
  storage: '50',
  not_zone: 'default',
  not_pool: 'default',
  power_state: 'on',
};
/** Two machines; all filters choose the first. */
async function twoMachines(site: AskedApi): Promise<Given> {
  await farRack(site);
  const home = parseIpv4('10.50.0.7');
  const kept = await machine(site, 'allocated', {
    domain: 'example.org',
    hostname: 'one',
    owner: 'alice',
    agentName: 'juju',
    home,
  });
  await machine(site, 'ready', { hostname: 'two' }, 3);
  await site.ask('PUT', `2.0/machines/${kept}/`, { zone: 'hall', pool: 'lab' });
  return { kept };
}
const FILTERS = {
  domain: 'example.org',
  hostname: 'one',
  mac_address: FIRST_MAC,
  zone: 'hall',
  pool: 'lab',
  agent_name: 'juju',
};
const filtering = (of: string, given: Trial['given'], filters: Readonly<Record<string, string>>): readonly Trial[] => [
  ...Object.entries(filters).map(([name, text]) => ({
    of,
    given,
    send: { [name]: text },
    reads: { [name]: only('system_id') },
  })),
  { of, given, send: ({ kept = '' }) => ({ id: kept }), reads: { id: only('system_id') } },
];

const NODE_LISTS = ['nodes', 'devices', 'rackcontrollers', 'regioncontrollers'].map((list) => `2.0 GET ${list}`);

const LISTS: readonly Trial[] = [
  ...['2.0 GET machines', '1.0 GET nodes list'].flatMap((of) =>
    filtering(of, twoMachines, { ...FILTERS, status: 'allocated', owner: 'alice', rack: 'rack-2', q: 'one' }),
  ),
  ...Object.entries(LIST_CONDITIONS).map(([name, text]) => ({
    of: '2.0 GET machines',
    given: twoReady,
    send: { [name]: text },
    reads: { [name]: only('system_id') },
  })),
  {
    of: '2.0 GET machines',
    given: twoReady,
    send: ({ path }: Given) => ({ not_id: String(path?.other) }),
    reads: { not_id: only('system_id') },
  },
  ...['2.0 GET devices', '1.0 GET devices', '1.0 GET devices list'].flatMap((of) => filtering(of, twoDevices, FILTERS)),
];

async function twoDevices({ ask, place }: AskedApi): Promise<Given> {
  const kept = (await ask('POST', '2.0/devices/', { hostname: 'one', mac_addresses: FIRST_MAC })).json.system_id;
  await ask('POST', '2.0/devices/', { hostname: 'two', mac_addresses: '52:54:00:00:00:09' });
  const [, zone] = (await ask('GET', '2.0/zones/')).json;
  const [, pool] = (await ask('GET', '2.0/pools/')).json;
  const fields = { domain: 'example.org', agentName: 'juju', zoneId: zone.id - 1, poolId: pool.id };
  await place.store.changeMachine(kept, 1, () => ({ kind: 'change', fields, events: [] }));
  return { kept };
}

/** A power parameter is read by the operation for administrators. */
const powerIs =
  (name: string, text: string): Read =>
  async ({ site, answer }) => {
    const path = `2.0/machines/${answer.json.system_id}/?op=power_parameters`;
    assert.equal((await site.ask('GET', path)).json[name], text);
  };
const SINGLE = Object.fromEntries(POWER_PARAMETER_NAMES.map((name) => [`power_parameters_${name}`, `value-${name}`]));
const SINGLE_READS = Object.fromEntries(
  POWER_PARAMETER_NAMES.map((name) => [`power_parameters_${name}`, powerIs(name, `value-${name}`)]),
);
/** The parameters are refused by their driver, unless the check is skipped. */
const SKIPPED = { power_type: 'ipmi', power_parameters_skip_check: 'true' };
const strict: Trial['options'] = {
  power: {
    drivers: [],
    switches: () => 'nothing',
    problemsOf: () => [fieldRefusal('give a power_type with the parameters')],
    follow: () => undefined,
    reading: () => undefined,
    ask: () => undefined,
  },
};
const isStored = ({ answer }: Sight) => assert.equal(answer.status, 200);
const HARDWARE_FACTS = JSON.stringify({ version: 1, cpu: { count: 3, model: 'x' }, memory_mib: 777 });
const AREA_READS = { zone: 'zone.name', pool: 'pool.name' } as const;

const adding = (of: string): readonly Trial[] => [
  {
    of,
    given: withDomain,
    send: {
      architecture: 'arm64',
      subarchitecture: 'xgene-uboot',
      mac_addresses: FIRST_MAC,
      hostname: 'one',
      domain: 'example.org',
      power_type: 'webhook',
      power_parameters: '{"power_user":"ann"}',
      hardware_facts: HARDWARE_FACTS,
      zone: 'hall',
      pool: 'lab',
      min_hwe_kernel: 'hwe-22.04',
      description: 'a note',
    },
    reads: {
      architecture: { at: 'architecture', is: 'arm64/xgene-uboot' },
      subarchitecture: { at: 'architecture', is: 'arm64/xgene-uboot' },
      mac_addresses: { at: 'macaddress_set.0.mac_address', is: FIRST_MAC },
      ...AREA_READS,
      pool: inLab,
      ...NAMES_READS,
      description: noted,
      power_parameters: powerIs('power_user', 'ann'),
      hardware_facts: { at: 'memory', is: 777 },
    },
  },
  { of, given: async () => ({ fields: NEW }), send: SINGLE, reads: SINGLE_READS },
  {
    of,
    given: async () => ({ fields: NEW }),
    send: SKIPPED,
    options: strict,
    reads: { power_parameters_skip_check: isStored },
  },
];
/** 1.0 shows no description. */
async function noted({ site, answer }: Sight) {
  assert.equal((await site.ask('GET', `2.0/machines/${answer.json.system_id}/`)).json.description, 'a note');
}
/** There is a second domain. */
async function withDomain({ ask }: AskedApi): Promise<Given> {
  await assertStatus(ask('POST', '2.0/domains/', { name: 'example.org' }), 200);
  return {};
}
const NEW = { architecture: 'amd64', mac_addresses: FIRST_MAC };
const named =
  (wanted: string): Read =>
  ({ answer }) =>
    assert.match(answer.json.fqdn ?? answer.json.hostname, new RegExp(wanted));
const NAMES_READS = { hostname: named('^one'), domain: named('\\.example\\.org$') };

/** 2.0 shows no kernel arguments of a machine: racks get them. */
const kernelArguments = async ({ site }: Sight) => {
  const [first] = (await site.place.region.desiredState()).machines;
  assert.match(JSON.stringify(first), /nomodeset/);
};

const FIELDS: readonly Trial[] = [
  ...['2.0 POST machines', '1.0 POST nodes new'].flatMap(adding),
  {
    of: '2.0 POST machines',
    given: async () => ({ fields: NEW }),
    send: { commission: 'true', deployed: 'false' },
    reads: {
      commission: { at: 'status_name', is: 'Commissioning' },
      deployed: ({ answer }) => assert.notEqual(answer.json.status_name, 'Deployed'),
    },
  },
  ...onMachines('PUT', '/{system_id}', '', {
    given: async (site) => ({
      ...(await withDomain(site)),
      ...(await onMachine('deployed', { owner: 'alice' })(site)),
    }),
    send: {
      domain: 'example.org',
      hostname: 'one',
      architecture: 'arm64/generic',
      kernel_params: 'nomodeset',
      min_hwe_kernel: 'hwe-22.04',
      zone: 'hall',
      pool: 'lab',
      power_type: 'webhook',
      power_parameters: '{"power_user":"ann"}',
    },
    reads: {
      domain: NAMES_READS.domain,
      hostname: named('^one'),
      kernel_params: kernelArguments,
      ...AREA_READS,
      pool: inLab,
      power_parameters: powerIs('power_user', 'ann'),
    },
  }),
  ...onMachines('PUT', '/{system_id}', '', {
    given: onMachine('ready'),
    send: { description: 'a note' },
    reads: { description: async (sight) => assert.equal((await machineAfter(sight)).description, 'a note') },
  }),
  {
    of: '1.0 PUT nodes/{system_id}',
    given: onMachine('ready'),
    send: { boot_type: 'fastpath', description: 'b' },
    reads: { description: async (sight) => assert.equal((await machineAfter(sight)).description, 'b') },
  },
  {
    of: '1.0 PUT nodes/{system_id}',
    given: onMachine('allocated', { owner: 'alice' }),
    send: { distro_series: 'trusty', osystem: 'ubuntu' },
  },
  ...onMachines('PUT', '/{system_id}', '', { given: onMachine('ready'), send: SINGLE, reads: SINGLE_READS }),
  ...onMachines('PUT', '/{system_id}', '', {
    given: onMachine('ready'),
    send: SKIPPED,
    options: strict,
    reads: { power_parameters_skip_check: isStored },
  }),
  ...['2.0 DELETE machines', '1.0 DELETE nodes', '2.0 DELETE nodes'].map(
    (of): Trial => ({
      of: `${of}/{system_id}`,
      given: onMachine('deployed', { owner: 'alice' }),
      send: { force: 'true' },
      reads: { force: async ({ site }) => assert.deepEqual((await site.ask('GET', '2.0/machines/')).json, []) },
    }),
  ),
  ...['2.0 GET machines', '1.0 GET nodes', ...NODE_LISTS].map(
    (of): Trial => ({
      of: `${of} is_registered`,
      given: async (site) => ({ kept: await machine(site) }),
      send: { mac_address: FIRST_MAC },
      reads: { mac_address: ({ answer }) => assert.equal(answer.json, true) },
    }),
  ),
  ...onMachines('GET', '', 'power_parameters', {
    given: async (site) => {
      await machine(site, 'ready', {}, 3);
      return { kept: await machine(site) };
    },
    send: ({ kept = '' }) => ({ id: kept }),
    reads: { id: ({ answer, given }) => assert.deepEqual(Object.keys(answer.json), [given.kept]) },
  }),
];

/** 1.0 shows no pool. */
async function inLab({ site, answer }: Sight) {
  assert.equal((await site.ask('GET', `2.0/machines/${answer.json.system_id}/`)).json.pool.name, 'lab');
}

/** Two Ready machines; the conditions choose the first. */
async function twoReady(site: AskedApi): Promise<Given> {
  await site.ask('POST', '2.0/tags/', { name: 'gpu' });
  await site.ask('POST', '2.0/tags/', { name: 'slow' });
  const other = await machine(site, 'ready', { hostname: 'two', architecture: 'i386' }, 3);
  const kept = await machine(site, 'ready', { hostname: 'one', powerState: 'on' });
  await site.ask('PUT', `2.0/machines/${kept}/`, { zone: 'hall', pool: 'lab' });
  await site.ask('POST', '2.0/tags/gpu/?op=update_nodes', { add: kept });
  await site.ask('POST', '2.0/tags/slow/?op=update_nodes', { add: other });
  return { kept, path: { other } };
}
const isChosen = ({ answer, given }: Sight) => assert.equal(answer.json.system_id, given.kept);
const CONDITIONS = {
  ...SHARED_CONDITIONS,
  name: 'one',
  storage: '50',
  zone: 'hall',
  pool: 'lab',
};
const allocating = (trial: Omit<Trial, 'of'>): readonly Trial[] => onMachines('POST', '', 'allocate', trial, 'acquire');

const ALLOCATION: readonly Trial[] = [
  ...Object.entries(CONDITIONS).flatMap(([name, text]) =>
    allocating({ given: twoReady, send: { [name]: text }, reads: { [name]: isChosen } }),
  ),
  ...allocating({
    given: twoReady,
    send: ({ path }: Given) => ({ not_id: String(path?.other) }),
    reads: { not_id: isChosen },
  }),
  ...allocating({
    given: twoReady,
    send: ({ kept = '' }: Given) => ({ system_id: kept }),
    reads: { system_id: isChosen },
  }),
  ...allocating({
    given: twoReady,
    send: { dry_run: 'true' },
    reads: {
      dry_run: async ({ site, answer }) =>
        assert.equal((await site.ask('GET', `2.0/machines/${answer.json.system_id}/`)).json.status_name, 'Ready'),
    },
  }),
  ...allocating({
    given: async (site) => ({ kept: await machine(site, 'ready', { home: parseIpv4('10.20.0.7') }) }),
    send: { ip_address: '10.20.0.77', comment: 'for the shop', agent_name: 'juju' },
    reads: {
      ip_address: { at: 'allocated_ip_addresses', is: ['10.20.0.77'] },
      comment: said,
      agent_name: async ({ site, given }) =>
        assert.equal((await site.ask('GET', '2.0/machines/', { agent_name: 'juju' })).json[0].system_id, given.kept),
    },
  }),
];

const DEVICE = { hostname: 'printer', domain: 'example.org', description: 'On the second floor' };
const DEVICE_READS = { domain: 'domain.name' } as const;
const parented = async (site: AskedApi): Promise<Given> => ({
  kept: await machine(site),
  fields: { mac_addresses: '52:54:00:00:00:08' },
});
const parentOf = ({ answer, given }: Sight) => assert.equal(answer.json.parent, given.kept);
const deviceGiven = async (site: AskedApi): Promise<Given> => {
  await withDomain(site);
  const made = await site.ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:09' });
  return { path: { system_id: made.json.system_id }, kept: await machine(site) };
};

const DEVICES: readonly Trial[] = [
  {
    of: '2.0 POST devices',
    given: withDomain,
    send: { ...DEVICE, mac_addresses: '52:54:00:00:00:08', zone: 'hall', pool: 'lab' },
    reads: { ...DEVICE_READS, ...AREA_READS, mac_addresses: 'interface_set.0.mac_address' },
  },
  {
    of: '2.0 POST devices',
    given: parented,
    send: ({ kept = '' }) => ({ parent: kept }),
    reads: { parent: parentOf },
  },
  {
    of: '2.0 PUT devices/{system_id}',
    given: deviceGiven,
    send: { ...DEVICE, zone: 'hall', pool: 'lab' },
    reads: { ...DEVICE_READS, ...AREA_READS },
  },
  {
    of: '2.0 PUT devices/{system_id}',
    given: deviceGiven,
    send: ({ kept = '' }) => ({ parent: kept }),
    reads: { parent: parentOf },
  },
];

const pair = async (site: AskedApi): Promise<Given> => ({
  path: { system_id: await machine(site) },
  kept: await machine(site, 'new', {}, 3),
});

const IDENTITY: readonly Trial[] = [
  {
    of: '2.0 POST machines/{system_id} merge',
    given: pair,
    send: ({ kept = '' }) => ({ other: kept }),
    reads: { other: async ({ site }) => assert.equal((await site.ask('GET', '2.0/machines/')).json.length, 1) },
  },
  {
    of: '2.0 POST machines/{system_id} split',
    given: onMachine('ready'),
    send: { mac_addresses: '52:54:00:00:00:02' },
    reads: { mac_addresses: 'macaddress_set.0.mac_address' },
  },
  {
    of: '2.0 POST machines/{system_id} keep_apart',
    given: pair,
    send: ({ kept = '' }) => ({ other: kept }),
    reads: { other: ({ answer }) => assert.deepEqual(answer.json.conflicts, []) },
  },
  {
    of: '2.0 POST machines/{system_id} move',
    given: async (site) => {
      const interfaces = [rackInterface(), { ...rackInterface('10.51.0.0/24'), name: 'near', interface: 'eth2' }];
      await acceptRack(site.place.region, { interfaces });
      return { path: { system_id: await machine(site) } };
    },
    send: { rack: 'rack-2', network: '10.51.0.0/24' },
    reads: {
      rack: { at: 'rack_names', is: ['rack-2'] },
      network: async ({ site, given }) => {
        const found = await site.place.store.findMachine(String(given.path?.system_id));
        assert.equal(found?.home, parseIpv4('10.51.0.0'));
      },
    },
  },
];

export const MACHINE_TRIALS: readonly Trial[] = [...LISTS, ...FIELDS, ...ALLOCATION, ...DEVICES, ...IDENTITY];

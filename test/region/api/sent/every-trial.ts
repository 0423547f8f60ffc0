// Every parameter of every operation is sent, and read back: a known parameter that does nothing is a defect.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMac } from '../../../../src/net/address.ts';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import { DISK_TRIALS } from './disk-trials.ts';
import { IMAGE_TRIALS } from './image-trials.ts';
import { LAYOUT_TRIALS } from './layout-trials.ts';
import { EVENT_FILTERS, EVENT_TRIALS, LIFE_TRIALS } from './life-trials.ts';
import { MACHINE_TRIALS } from './machine-trials.ts';
import { NAME_TRIALS } from './name-trials.ts';
import { NETWORK_TRIALS } from './network-trials.ts';
import { PEOPLE_TRIALS } from './people-trials.ts';
import { hasEffect, requestOf, runTrial, type Trial, titlesOf, withSite } from './trial.ts';

const NETWORK_CONDITIONS = 'subnets not_subnets vlans not_vlans fabrics not_fabrics fabric_classes not_fabric_classes';

const COMMISSIONING = 'enable_ssh skip_networking skip_storage skip_bmc_config';
const REPORTED = 'cpu_count memory swap_size';
const DOCUMENTED = 'region/api/documented-parameters.test.ts';

/**
 * Parameters that need more than a request, with the test that sends them and sees their effect: the files of uploads, an
 * image that racks have, two racks in one VLAN, and what is only refused.
 */
const ELSEWHERE: Readonly<Record<string, readonly [names: string, file: string]>> = {
  '1.0 POST boot-resources': ['*', 'region/api/boot-uploads-api.test.ts'],
  '2.0 POST boot-resources': ['*', 'region/api/boot-uploads-api.test.ts'],
  '1.0 POST nodegroups/{uuid}/boot-images report_boot_images': ['images', 'region/api/old-nodes-api.test.ts'],
  '1.0 GET boot-resources': ['type', 'region/api/boot-resources-api.test.ts'],
  '2.0 GET boot-resources': ['type', 'region/api/boot-resources-api.test.ts'],
  '2.0 PUT machines/{system_id}': [
    'cpu_count memory swap_size disable_ipv4 license_key',
    'region/api/terraform-machines.test.ts',
  ],
  '1.0 PUT nodes/{system_id}': ['cpu_count memory swap_size disable_ipv4 nodegroup license_key', DOCUMENTED],
  '2.0 PUT subnets/{id}': ['active_discovery disabled_boot_architectures', 'region/api/terraform-machines.test.ts'],
  '2.0 POST subnets': ['active_discovery disabled_boot_architectures', 'region/api/terraform-machines.test.ts'],
  '2.0 POST fabrics/{fabric_id}/vlans': [
    'primary_rack secondary_rack relay_vlan',
    'region/networks/fabrics-api.test.ts',
  ],
  '2.0 PUT vlans/{id}': ['secondary_rack relay_vlan', 'region/networks/fabrics-api.test.ts'],
  '2.0 PUT fabrics/{fabric_id}/vlans/{vid}': ['secondary_rack relay_vlan', 'region/networks/fabrics-api.test.ts'],
  '2.0 PUT rackcontrollers/{system_id}': ['power_type', 'region/api/controllers-api.test.ts'],
  '2.0 POST machines/{system_id} mount_special': ['*', 'region/api/controllers-api.test.ts'],
  '2.0 POST machines/{system_id} unmount_special': ['*', 'region/api/controllers-api.test.ts'],
  '2.0 GET nodes': ['*', 'region/api/controllers-api.test.ts'],
  '2.0 GET rackcontrollers': ['*', 'region/api/controllers-api.test.ts'],
  '2.0 GET regioncontrollers': ['*', 'region/api/controllers-api.test.ts'],
  '2.0 POST discovery clear': ['*', 'region/api/discovery-api.test.ts'],
  '2.0 POST discovery clear_by_mac_and_ip': ['*', 'region/api/discovery-api.test.ts'],
  '2.0 GET machines': [
    `${NETWORK_CONDITIONS} interfaces pod pod_type devices connected_to not_connected_to`,
    'region/api/allocate-networks.test.ts',
  ],
  '2.0 POST machines allocate': [
    `${NETWORK_CONDITIONS} interfaces pod pod_type bridge_all devices verbose`,
    'region/api/allocate-networks.test.ts',
  ],
  '2.0 POST machines': [
    `commissioning_scripts testing_scripts ${COMMISSIONING} is_dpu license_key ${REPORTED}`,
    DOCUMENTED,
  ],
  '2.0 POST machines/{system_id} commission': [COMMISSIONING, DOCUMENTED],
  '1.0 POST nodes/{system_id} commission': [`${COMMISSIONING} block_poweroff`, DOCUMENTED],
  '2.0 GET machines list_allocated': ['id', DOCUMENTED],
  '1.0 GET nodes list_allocated': ['id', DOCUMENTED],
  '2.0 POST tags/{name} update_nodes': ['definition', DOCUMENTED],
  '1.0 POST tags/{name} update_nodes': ['definition', DOCUMENTED],
  '2.0 POST machines/{system_id} power_on': ['user_data', DOCUMENTED],
  '1.0 POST nodes new': [`nodegroup license_key ${REPORTED}`, DOCUMENTED],
  '1.0 POST nodes/{system_id} start': ['license_key', DOCUMENTED],
  '2.0 POST machines/{system_id} deploy': [
    'bridge_all ephemeral_deploy install_kvm enable_hw_sync license_key register_vmhost install_rackd vcenter_registration bridge_stp bridge_fd bridge_type agent_name',
    'region/api/laid-deployment.test.ts',
  ],
  '2.0 GET nodes/{system_id}/results': ['hardware_type', 'region/api/scripts-api.test.ts'],
  '2.0 GET nodes/{system_id}/results/{id}': ['hardware_type', 'region/api/scripts-api.test.ts'],
  '2.0 GET nodes/{system_id}/results/{id} download': [
    'hardware_type filetype output',
    'region/api/scripts-api.test.ts',
  ],
  '1.0 POST nodes acquire': [
    `${NETWORK_CONDITIONS} interfaces networks not_networks connected_to not_connected_to routers not_routers`,
    'region/api/allocate-networks.test.ts',
  ],
};

const sent = new Map<string, Set<string>>();
const add = (title: string, names: Iterable<string>): void => {
  sent.set(title, new Set([...(sent.get(title) ?? []), ...names]));
};

/** All trials, by what they are about. */
export const GROUPS: Readonly<Record<string, readonly Trial[]>> = {
  'names, zones and tags': NAME_TRIALS,
  'accounts, keys, files, scripts and settings': PEOPLE_TRIALS,
  'machines and devices': MACHINE_TRIALS,
  'commands to machines': LIFE_TRIALS,
  'the events of the log': EVENT_TRIALS,
  'networks and racks': NETWORK_TRIALS,
  'interfaces and disks': LAYOUT_TRIALS,
  'block devices': DISK_TRIALS,
  'sources of images': IMAGE_TRIALS,
};

export const EVERY_TRIAL: readonly Trial[] = Object.values(GROUPS).flat();

/** @param isWhole also the same trials of the same operation in the other version of the API */
export function testParameters(isWhole: boolean): void {
  for (const [group, trials] of Object.entries(GROUPS))
    test(`each parameter is read back: ${group}`, async () => {
      const faults: string[] = [];
      let names: readonly string[] = [];
      for (const trial of trials) {
        try {
          if (isWhole || trial.isAgain !== true) names = await runTrial(trial);
          add(trial.of, names);
        } catch (error) {
          faults.push(error instanceof Error ? `${trial.of}: ${error.message}` : String(error));
        }
      }
      assert.deepEqual(faults, []);
    });
  if (isWhole)
    for (const [group, trials] of Object.entries(GROUPS))
      test(`each trial fails without its parameter: ${group}`, async () => {
        const idle: string[] = [];
        for (const trial of trials)
          for (const name of await namesOf(trial))
            if (!(await hasEffect(trial, name))) idle.push(`${trial.of}: ${name}`);
        assert.deepEqual(
          idle,
          [],
          'these are read back unsent: send another value, or name one that is refused in `refuses`',
        );
      });
  testFollower();
  test('no parameter of an operation is left out', assertAllSent);
}

/** The parameters that a trial sends. */
async function namesOf(trial: Trial): Promise<readonly string[]> {
  let names: readonly string[] = [];
  await withSite(async (site) => {
    names = Object.keys((await requestOf(trial, site)).sent);
  }, trial.options);
  return names;
}

const testFollower = (): unknown =>
  test('a follower of the log chooses its events as a query does', () =>
    withSite(async ({ place }) => {
      const operation = OPERATIONS.find(({ op }) => op === 'follow');
      const { region } = place;
      const given = { ...EVENT_FILTERS, id: 'abc', level: 'ERROR', owner: 'alice', after: '7' };
      const caller = { kind: 'user', username: 'admin', email: '', isAdmin: true, tokenKey: undefined } as const;
      const peer = {
        address: '10.20.0.50',
        share: '10.20.0.50',
        ipv4: undefined,
        isByRack: false,
        isManaged: true,
        isLocal: true,
        isOperator: true,
      };
      const fields = new Map(Object.entries(given).map(([name, text]) => [name, [text]]));
      const call = { region, version: '2.0', path: {}, caller, peer, query: fields } as const;
      const answer = await operation?.run(call, fields);
      assert.ok(answer?.kind === 'follow');
      const { filter, after } = answer.following;
      assert.deepEqual(after, { id: 7, history: undefined });
      assert.deepEqual([filter.level, filter.usernames], ['error', ['alice']]);
      assert.deepEqual(filter.machines, {
        hostnames: ['one'],
        macs: [parseMac(EVENT_FILTERS.mac_address)],
        systemIds: ['abc'],
        domains: ['example.org'],
        agentNames: ['juju'],
        zoneIds: [1],
        poolIds: [2],
      });
      for (const title of operation === undefined ? [] : titlesOf(operation)) add(title, Object.keys(given));
    }));

/** A parameter as a test sends it: a key of an object, a part of a query, or a quoted name of a list. */
const asSent = (name: string): RegExp => new RegExp(`(?:[{,?&\\s'\x60])${name}(?:'?\\s*:|=|'\\s*,|'\\s*\\])`);

function assertAllSent(): void {
  const missing = OPERATIONS.flatMap((operation) =>
    titlesOf(operation).flatMap((title) => {
      const [names = '', file = ''] = ELSEWHERE[title] ?? [];
      const text = file === '' ? '' : readFileSync(join(import.meta.dirname, '../../..', file), 'utf8');
      const isCalled = text.includes(
        operation.op ??
          operation.path
            .replace(/\/\{\w+\}$/, '')
            .split('/')
            .at(-1) ??
          '?',
      );
      const isElsewhere = (name: string): boolean =>
        (names === '*' || names.split(' ').includes(name)) && isCalled && asSent(name).test(text);
      return Object.keys(operation.parameters).flatMap((name) =>
        sent.get(title)?.has(name) === true || isElsewhere(name) ? [] : [`${title}: ${name}`],
      );
    }),
  );
  assert.deepEqual(missing, [], `send ${missing.join(', ')} in a trial of test/region/api/sent/, and read it back`);
  const titles = new Set(OPERATIONS.flatMap((operation) => titlesOf(operation)));
  assert.deepEqual(
    [...sent.keys(), ...Object.keys(ELSEWHERE)].filter((title) => !titles.has(title)),
    [],
  );
}

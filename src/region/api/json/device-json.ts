// A device as API 2.0 represents it.
//
// Source: the keys of MAAS's devices, among them those that gomaasapi demands.

import { formatIpv4 } from '../../../ground/address.ts';
import type { MachinePlacement } from '../../life/machine-placement.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { domainJson, poolJson, zoneJson } from './area-json.ts';
import { API_2 } from './fixed-json.ts';
import { interfacesJson } from './node-interface-json.ts';

/** The whole device. */
export function deviceJson(device: Machine, where: MachinePlacement): AnswerOf<'device'> {
  const { systemId, hostname, domain, description, owner, ownerData, tags } = device;
  return {
    system_id: systemId,
    hostname,
    fqdn: machineFqdn(device),
    description,
    domain: domainJson(domain, where),
    node_type: 1,
    node_type_name: 'Device',
    parent: device.device || null,
    owner: owner ?? null,
    owner_data: ownerData ?? {},
    workload_annotations: ownerData ?? {},
    address_ttl: null,
    zone: zoneJson('2.0', device.zone ?? where.defaultArea('zone')),
    pool: poolJson(device.pool ?? where.defaultArea('pool')),
    tag_names: tags.map(({ name }) => name),
    ip_addresses: where.addressesOf(device).map(formatIpv4),
    interface_set: interfacesJson(device, where.networks),
    resource_uri: `${API_2}/devices/${systemId}/`,
  };
}

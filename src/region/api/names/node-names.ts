// The names of machines and devices among the names of `dnsresources/`, whose `all` asks for them.
//
// Source: MAAS's implicit DNS records: without an id of their own (-1), and with the addresses as records.
//
// 1. A machine or a device is listed once it has an address. NODES_CHUNK of them are read at a time.
// 2. It is left out if a user has reserved its name with an address of another host: the racks then
//    do not name it either.

import { formatIpv4 } from '../../../ground/address.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import type { MachineFilter } from '../../records/filters.ts';
import { type Machine, machineFqdn } from '../../records/machine.ts';
import { machineChunks } from '../../records/machine-chunks.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import type { Answer } from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import type { ApiCall } from '../call/operation.ts';
import { API_2 } from '../json/fixed-json.ts';

/** Machines read at a time. */
const NODES_CHUNK = 50;
/** MAAS's id of a name that is stored with its machine. */
const IMPLICIT = -1;

interface NameFilter {
  readonly fqdn?: string | undefined;
  readonly name?: string | undefined;
  readonly domain?: string | undefined;
  readonly rrtype?: string | undefined;
}

/** The names that are shown already, followed by those of machines and devices that pass the filter. */
export const listWithNodes = (call: ApiCall, recordsJson: readonly unknown[], filter: NameFilter): Answer =>
  listFor(call, entries(call, recordsJson, filter));

async function* entries(
  call: ApiCall,
  recordsJson: readonly unknown[],
  { fqdn, name, domain, rrtype = 'A' }: NameFilter,
): AsyncGenerator<unknown, void> {
  yield* recordsJson;
  if (rrtype.toUpperCase() !== 'A') return;
  const label = name ?? fqdn?.split('.', 1)[0];
  const filter: MachineFilter = {
    hostnames: label === undefined ? undefined : [label.toLowerCase()],
    domains: domain === undefined ? undefined : [domain],
  };
  const reserved = Map.groupBy(
    call.region.networks.stored.reserved,
    (reservation) => `${reservation.hostname}.${reservation.domain}`,
  );
  for (const isDevice of [false, true])
    for await (const node of nodes(call, { ...filter, isDevice })) {
      const own = machineFqdn(node);
      // A reserved address of another host has its name.
      const isOthers =
        reserved.get(own)?.some((reservation) => !node.interfaces.some(({ mac }) => mac === reservation.mac)) ?? false;
      if ((fqdn === undefined || own === fqdn.toLowerCase()) && !isOthers) yield nameJson(call, node);
    }
}

async function* nodes({ region }: ApiCall, filter: MachineFilter): AsyncGenerator<Machine, void> {
  for await (const chunk of machineChunks(region.store, filter, NODES_CHUNK)) yield* chunk;
}

/** `undefined`: it has no address. */
function nameJson({ region }: ApiCall, node: Machine): AnswerOf<'dnsResource'> | undefined {
  const addresses = readPlacement(region).addressesOf(node);
  if (addresses.length === 0) return undefined;
  const owner = { system_id: node.systemId, node_type: node.device === undefined ? 0 : 1, user_id: null };
  return {
    id: IMPLICIT,
    fqdn: machineFqdn(node),
    address_ttl: null,
    ip_addresses: null,
    resource_records: addresses.map((address) => ({
      rrtype: 'A',
      rrdata: formatIpv4(address),
      ttl: null,
      ...owner,
      dnsresource_id: null,
      dnsdata_id: null,
    })),
    resource_uri: `${API_2}/dnsresources/${IMPLICIT}/`,
  };
}

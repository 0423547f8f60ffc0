// The scan of networks for hosts, by the rack in the process of the region.
//
// Source: MAAS's `discovery/?op=scan` with the fields of its answer.
//
// 1. Only networks that this rack serves on an interface of its own are scanned, each at most a
//    /22. A remote rack cannot be asked: the answer names it.
// 2. The answer comes at the start. The hosts that it finds are reported as events, of which
//    discoveries are made.

import { formatNetwork, type Ipv4Network, networkContains, parseNetwork } from '../../../ground/address.ts';
import type { ServedNetwork } from '../../networks/served-networks.ts';
import type { NetworkScan, ScanOutcome } from '../../records/network-scan.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, combineOrRefuse, isRefusal, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import { type ApiCall, eventBy, isTrue } from '../call/operation.ts';
import { CIDR, readNetworks } from './network-calls.ts';

/** The outcome of a scan of networks. */
const scanned = {
  started: (networks: readonly string[], leftOut: readonly string[]): string =>
    `Scanning ${networks.join(', ')} is in progress: discovery lists the hosts that answer.` +
    (leftOut.length === 0 ? '' : ` Left out: ${leftOut.join(', ')}.`),
  running: 'A scan is already in progress: wait until it ends.',
  unheard: 'The rack cannot ask by ARP on the interfaces of these networks: rackboot status says why.',
  silent: 'The rack did not answer: ask again.',
};

const PREFIX_MIN = 22;
const AT_ONCE_DEFAULT = 16;
const AT_ONCE_MAX = 32;

interface ScanFields {
  readonly cidr?: readonly string[] | undefined;
  readonly force?: string | undefined;
  readonly slow?: string | undefined;
  readonly threads?: number | undefined;
  readonly always_use_ping?: string | undefined;
}

interface Chosen {
  readonly networks: readonly string[];
  readonly leftOut: readonly string[];
}

const covers = (served: ServedNetwork, network: Ipv4Network): boolean =>
  network.prefix >= served.network.prefix && networkContains(served.network, network.address);

function chooseNamed(
  cidrs: readonly string[],
  served: readonly ServedNetwork[],
  own: string | undefined,
): Chosen | Refusal {
  const networks: string[] = [];
  for (const text of cidrs) {
    const network = parseNetwork(text);
    if (network === undefined) return refuseField('cidr', CIDR);
    const name = formatNetwork(network);
    const serving = served.filter((service) => covers(service, network));
    const here = serving.filter(({ rack }) => rack === own);
    const [other] = serving;
    if (other === undefined) return refuseField('cidr', `No rack serves a network that contains ${name}.`);
    if (here.length === 0)
      return refuseField(
        'cidr',
        `${name} is served by the remote rack ${other.rackName}: only the rack in the process of the region can be asked to scan.`,
      );
    if (here.every(({ address }) => address === undefined))
      return refuseField('cidr', `The rack reaches ${name} only through relay agents, which pass no ARP.`);
    if (network.prefix < PREFIX_MIN)
      return refuseField('cidr', `${name} is too large: give networks of at most 1024 addresses (/22).`);
    networks.push(name);
  }
  return { networks, leftOut: [] };
}

function chooseAll(served: readonly ServedNetwork[], own: string | undefined): Chosen | Refusal {
  const isFit = ({ rack, address, network }: ServedNetwork): boolean =>
    rack === own && address !== undefined && network.prefix >= PREFIX_MIN;
  const networks = [...new Set(served.filter(isFit).map(({ cidr }) => cidr))];
  if (networks.length === 0)
    return refuse(
      'bad-request',
      'The rack in the process of this region serves no network of at most 1024 addresses on an interface of its own.',
    );
  const leftOut = served.filter((service) => !isFit(service)).map(({ cidr, rackName }) => `${cidr} (${rackName})`);
  return { networks, leftOut: [...new Set(leftOut)] };
}

function scanJson(
  outcome: ScanOutcome,
  { networks, leftOut }: Chosen,
  own: string,
  remote: readonly string[],
): AnswerOf<'scan'> {
  return {
    result: outcome === 'started' ? scanned.started(networks, leftOut) : scanned[outcome],
    scan_attempted_on: [own],
    failed_to_connect_to: remote,
    scan_started_on: outcome === 'started' ? [own] : [],
    scan_failed_on: outcome === 'running' || outcome === 'unheard' ? [own] : [],
    rpc_call_timed_out_on: outcome === 'silent' ? [own] : [],
  };
}

export async function scan(call: ApiCall, given: ScanFields): Promise<Answer> {
  const { cidr = [], threads = AT_ONCE_DEFAULT } = given;
  const { region } = call;
  const own = region.scan === undefined ? undefined : region.config().ownRack?.uuid;
  const served = (await readNetworks(call)).served.filter(({ management }) => management > 0);
  const isAll = cidr.length === 0;
  const checked = combineOrRefuse(
    isAll && !isTrue(given.force)
      ? refuseField('cidr', 'Give the networks to scan, or force=true to scan all.')
      : isAll
        ? chooseAll(served, own)
        : chooseNamed(cidr, served, own),
    isTrue(given.always_use_ping)
      ? refuseField('always_use_ping', 'Give false: the hosts are asked by ARP, not by ping.')
      : undefined,
    threads < 1 || threads > AT_ONCE_MAX ? refuseField('threads', 'Give 1 to 32.') : undefined,
  );
  if (isRefusal(checked)) return checked;
  const [chosen] = checked;
  const wanted: NetworkScan = { networks: chosen.networks, atOnce: threads, isSlow: isTrue(given.slow) };
  const outcome = (await region.scan?.(wanted)) ?? 'unheard';
  if (outcome === 'started') {
    const params = { networks: chosen.networks };
    await region.store.recordEvent(eventBy(call, 'NETWORKING', { code: 'networks-scanned', params }), undefined);
  }
  const remote = isAll ? served.filter(({ rack }) => rack !== own).map(({ rack }) => rack) : [];
  return json(scanJson(outcome, chosen, own ?? '', [...new Set(remote)]));
}

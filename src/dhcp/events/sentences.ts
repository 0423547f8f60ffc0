// The sentences of DHCP events, and of what they name.

import { clientText, createReasonLookup, planText } from '../../boot/boot-words.ts';
import { counted } from '../../ground/counted.ts';
import { formatSpan } from '../../ground/quantity.ts';
import type { DhcpParams } from './fields.ts';
import { DHCP_REFUSALS } from './refusals.ts';

export const rangeUsageText = ({ subnet, range, used, usable }: DhcpParams): string =>
  `Dynamic range of ${subnet ?? 'a network'} (${range ?? ''}): ${used ?? 0} of ${counted(usable ?? 0, 'address', 'addresses')} in use`;

/** How an address was chosen, by its source. */
export const ALLOCATION_REASONS: Readonly<Record<NonNullable<DhcpParams['source']>, string>> = {
  machine: 'fixed by the region',
  reservation: 'reserved',
  own: 'its previous address',
  requested: 'as requested',
  unused: 'new',
  reclaimed: 'free for longest',
};

/** A refusal with its remedy; an unknown reason stays as it is. */
export const dhcpReason = createReasonLookup(DHCP_REFUSALS);

export const addressText = ({ address }: DhcpParams): string => address ?? 'an address';
const leaseSpanText = (seconds: number | undefined): string =>
  seconds === undefined ? '' : ` for ${formatSpan(seconds * 1000)}`;

export const serverText = ({ server }: DhcpParams): string =>
  server === undefined ? 'another DHCP server' : `the DHCP server ${server}`;

/** The boot file and its origin. */
function bootFileText(event: DhcpParams): string | undefined {
  const { file, fileServer } = event;
  if (file === undefined) return undefined;
  if (fileServer !== undefined) return `${file}${file.includes('://') ? '' : ` from ${fileServer}`} (configured)`;
  const why = planText(event);
  return `${file}${why === '' ? '' : ` (${why})`}`;
}

const noLoaderFor = ({ client, architecture = 0 }: DhcpParams): string =>
  client === 'u-boot'
    ? `none is set for ${clientText(client, architecture)} (boot.loaders), so it asks for pxelinux.cfg/…`
    : `no loader for ${client ?? 'this client'}, architecture ${architecture}`;

/** What a boot client with contradictory signs is taken for. */
export const doubtText = ({ contradiction, client, architecture = 0 }: DhcpParams): string =>
  `its signs contradict each other (${contradiction ?? ''}): taken for ${clientText(client, architecture)}`;

const appendedDoubtText = (event: DhcpParams): string =>
  event.contradiction === undefined ? '' : `; ${doubtText(event)}`;

export function classesText({ classes }: DhcpParams): string {
  if (classes === undefined) return '';
  return classes.includes(',') ? `, in the classes ${classes}` : `, in class ${classes}`;
}

export function waitedText({ waitedSeconds }: DhcpParams): string {
  return waitedSeconds === undefined ? '' : `; it has been asking for ${formatSpan(waitedSeconds * 1000)}`;
}

export function offer(event: DhcpParams): string {
  const file = bootFileText(event);
  const tail = `${appendedDoubtText(event)}${classesText(event)}${waitedText(event)}`;
  if (event.proxied === true) {
    return file === undefined
      ? `Offered no boot file in proxy mode: ${noLoaderFor(event)}${tail}`
      : `Offered only ${file}${classesText(event)}; another DHCP server gives the address${appendedDoubtText(event)}${waitedText(event)}`;
  }
  const why = event.source === undefined ? '' : ` (${ALLOCATION_REASONS[event.source]})`;
  const lease = `Offered ${addressText(event)}${why}`;
  if (event.client === undefined) return `${lease}${tail}`;
  return file === undefined
    ? `${lease} without a boot file: ${noLoaderFor(event)}${tail}`
    : `${lease} and ${file}${tail}`;
}

export function bootServer(event: DhcpParams): string {
  const file = bootFileText(event);
  if (event.client === undefined) return 'Asked this rack as its boot server';
  return file === undefined
    ? `Asked this rack as its boot server and got no boot file: ${noLoaderFor(event)}${appendedDoubtText(event)}`
    : `Asked this rack as its boot server and got ${file}${appendedDoubtText(event)}`;
}

export function ack(event: DhcpParams): string {
  const name = event.hostname === undefined ? refusedNameText(event) : ` (${event.hostname})`;
  const verb = event.renewal === true ? 'Renewed' : 'Leased';
  return `${verb} ${addressText(event)}${leaseSpanText(event.leaseSeconds)}${name}${classesText(event)}${switchPortText(event)}`;
}

const refusedNameText = ({ nameRefused }: DhcpParams): string =>
  nameRefused === undefined
    ? ''
    : ` without a name: its own, "${nameRefused}", has more than letters, digits and hyphens in its first part`;

function switchPortText({ circuitId, remoteId }: DhcpParams): string {
  if (circuitId === undefined) return remoteId === undefined ? '' : `, behind ${remoteId}`;
  return `, at port ${circuitId}${remoteId === undefined ? '' : ` of ${remoteId}`}`;
}

/** A refusal's reason with the address that it concerns. */
export function refusalReasonText({ reason, relay, wanted }: DhcpParams): string {
  if (reason !== 'network-unknown' || wanted === undefined) return dhcpReason(reason);
  const whose = wanted === relay ? ", the relay's address" : '';
  return `no served network holds ${wanted}${whose}; add it to the cluster interfaces (${reason})`;
}

/** RFC 4391 §4. */
const INFINIBAND = 32;

/** A message's origin, unless the reason names it. */
export function messageOriginText(event: DhcpParams): string {
  const { relay, wanted, reason, from, hardwareType, clientId } = event;
  const isSaid = reason === 'network-unknown' && relay === wanted;
  const through = relay === undefined || isSaid ? '' : `, through the relay ${relay}`;
  const hardware =
    hardwareType === undefined
      ? ''
      : `, from hardware of type ${hardwareType}${hardwareType === INFINIBAND ? ' (InfiniBand)' : ''}`;
  const client = clientId === undefined ? '' : `, client ${clientId}`;
  return `${hardware}${client}${from === undefined ? '' : `, from ${from}`}${through}${switchPortText(event)}`;
}

/** How another server was detected. */
const EVIDENCE: Readonly<Record<NonNullable<DhcpParams['evidence']>, string>> = {
  probe: 'it answered a probe',
  client: 'a client chose it',
  reply: 'a reply from it arrived',
};

export function foreignServer(event: DhcpParams): string {
  const { mac, interfaceName, subnet, evidence, offered, leaseSeconds, file, isBootOnly } = event;
  const whose = mac === undefined ? '' : ` (${mac})`;
  const where = interfaceName ?? (subnet === undefined ? 'the network' : `network ${subnet}`);
  const gives =
    offered === undefined
      ? isBootOnly === true
        ? ', boot information only'
        : ''
      : `, offering ${offered}${leaseSpanText(leaseSeconds)}`;
  const boots = file === undefined ? '' : ` and ${file}`;
  const why = evidence === undefined ? '' : ` (${EVIDENCE[evidence]})`;
  return `Another DHCP server is on ${where}: ${addressText(event)}${whose}${gives}${boots}${why}; switch it off, or separate its range`;
}

type Journal = Pick<DhcpParams, 'reason' | 'database' | 'milliseconds' | 'said'>;
export const JOURNAL_FAULTS = {
  'write-failed': ({ said = '' }: Journal) => said,
  'thread-ended': ({ said = '' }: Journal) => `the journal's thread ended: ${said}`,
  'disk-slow': ({ milliseconds = 0 }: Journal) => `the disk has not taken a write within ${formatSpan(milliseconds)}`,
  'host-busy': ({ milliseconds = 0 }: Journal) =>
    `a write has not finished after ${formatSpan(milliseconds)}, though the disk is fast: the processors of this host are too busy`,
  'probe-slow': ({ milliseconds = 0 }: Journal) => `a write to the disk took ${formatSpan(milliseconds)}`,
};
export const journalText = (fault: Journal): string =>
  `${fault.database ?? ''}: ${Object.entries(JOURNAL_FAULTS).find(([code]) => code === fault.reason)?.[1](fault) ?? fault.reason}`;

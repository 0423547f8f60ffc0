// The sentences of TFTP and HTTP events, and of the reasons for which files are refused or missing, with the remedy if there is one.

import type { AssetRefusal } from '../../boot/asset.ts';
import { counted } from '../../counted.ts';
import type { HttpEventKind, HttpRefusal, RegionUnreached } from '../../http/events.ts';
import { formatBytes, formatSpan } from '../../quantity.ts';
import type { TftpEventKind, TftpRefusal } from '../../tftp/events.ts';
import type { TftpPacket } from '../../tftp/packet.ts';
import { lowerFirst } from './dhcp.ts';
import type { HttpParams, TftpParams } from './fields.ts';

export const TFTP_REASONS: Readonly<Record<TftpRefusal, string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  write: 'This server is read-only.',
  mode: 'The transfer mode is neither octet nor netascii.',
  'netascii-too-large': 'The file is too large for netascii; the client must request it in octet mode.',
  busy: 'Too many transfers at once, in all or from this address; the client retries.',
  'network-not-served': 'The client is in no network of cluster_interfaces or tftp.allow.',
  blind:
    'Too many requests without options from this address were never acknowledged; it may be forged. The client retries.',
};

export const HTTP_REASONS: Readonly<Record<HttpRefusal, string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'The configuration is for an unknown machine; the loader falls back to its default.',
  'image-missing': 'The kernel or initrd was never imported; import the image.',
  method: 'Files accept only GET and HEAD.',
  'target-too-long': 'The request line is longer than any file name.',
  'target-form': 'The request line names neither a path nor an http URL.',
  'target-escape': 'The request line contains an invalid percent escape, or bytes that are not UTF-8.',
  'several-hosts': 'The request has several Host fields (RFC 9112 §3.2).',
  'too-many-connections':
    'All connections were in use for 20 s; or the client’s address or network held more than its share.',
  'too-slow': 'The body arrived at less than 1 KiB in 10 s.',
  'tiny-chunks': 'The body arrived in thousands of pieces of less than 32 octets.',
  'not-accepted': 'The process has reached its limit of open files; raise LimitNOFILE.',
  'body-gave-way': 'The large body arrived slowly, or was one of too many, while others waited for its place.',
  'body-too-large': 'The body is larger than the rack forwards to the region.',
  'proxy-busy':
    'Too many requests were waiting for the region, or this one was slower than others that waited for its place; the client tries again.',
};

/** For a request that the region does not answer, and for a report that the rack cannot keep for it. */
export const REGION_REASONS: Readonly<Record<RegionUnreached, string>> = {
  'no-region': 'This rack has no region; set region.mode, or region.url, in its configuration.',
  'region-silent': 'The region does not answer.',
  'region-foreign':
    'Another web server than a region answers there; correct this address in region.url, or the proxy between.',
  'rack-rejected': 'The region refuses this rack.',
  'too-many-reports': 'Too many reports are arriving at once; the machine tries again.',
  'rack-starting': 'The rack has just started.',
  'thread-down': 'The thread that stores reports is not running; it is being restarted.',
  'no-answer': 'The thread that stores reports did not answer in time; the disk may be slow.',
  'too-many-waiting': 'Too many reports are waiting to be stored; the disk may be slow.',
  'outbox-full': 'The outbox is full of reports; bring the region back.',
  'outbox-failed': 'The outbox cannot be written; free some disk space.',
};

/** For a name that is not in the boot tree. */
export const FILE_REASONS: Readonly<Record<AssetRefusal | 'not-in-tree', string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'No machine of that name is known; the loader falls back to its default.',
  'image-missing': 'The kernel or initrd for this architecture and release was never imported; import the image.',
  'not-in-tree': 'There is no such file in the boot tree.',
};

/** The message that a rendered configuration brings to a machine, by its purpose. */
export const PURPOSE_SENTENCES: Readonly<Record<string, string>> = {
  enlist: 'to enlist',
  commissioning: 'to run the ephemeral environment',
  install: 'to install its system',
  local: 'to boot its own disk',
  poweroff: 'to power off (nothing to do)',
  chain: 'to identify itself and ask again',
  'image-missing': 'that its kernel and initrd are not in the boot tree',
  'no-environment': 'that its processor is 32-bit, for which Rackboot has no environment',
  'no-boot-http': 'that this rack has no HTTP listener to report to',
  'arguments-not-quotable': 'that its kernel arguments cannot be quoted',
};

/** The problem and its remedy, for a configuration that can only explain a problem, by its purpose. */
export const PURPOSE_PROBLEMS: Readonly<Record<string, string>> = {
  'image-missing':
    'its kernel and initrd are not in the boot tree: `sudo rackboot images build` builds the environment, `sudo rackboot images import-installer` adds an installer',
  'no-environment':
    'its processor is 32-bit, for which Rackboot has no environment: switch it off, because only machines with 64-bit processors can be used',
  'no-boot-http': 'this rack has no HTTP listener to report to: set boot.http.listen',
  'arguments-not-quotable':
    "its kernel arguments cannot be quoted: correct boot.kernel_params, or this machine's arguments or name",
};

const REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...TFTP_REASONS, ...HTTP_REASONS, ...FILE_REASONS, ...REGION_REASONS }),
);

/** The meaning of a reason of TFTP, HTTP or a report, with its name; a reason of another version is shown as it is. */
export function reasonText(reason: string | undefined): string {
  if (reason === undefined) return 'no reason given';
  const known = REASONS.get(reason);
  return known === undefined ? reason : `${lowerFirst(known).replace(/\.$/, '')} (${reason})`;
}

const purposeText = (purpose: string): string => PURPOSE_SENTENCES[purpose] ?? purpose;
const fileOf = ({ file }: { readonly file?: string | undefined }): string => file ?? 'a file';

function speedOf({ bytes, milliseconds }: TftpParams | HttpParams): string {
  if (bytes === undefined) return '';
  const size = formatBytes(bytes);
  return milliseconds === undefined ? size : `${size} in ${formatSpan(milliseconds)}`;
}

function termsOf({ blockBytes, windowBlocks, repeatedBlocks }: TftpParams): string {
  if (blockBytes === undefined) return '';
  const windows = windowBlocks === undefined || windowBlocks < 2 ? '' : ` in windows of ${windowBlocks}`;
  const repeated =
    repeatedBlocks === undefined || repeatedBlocks === 0 ? '' : `, ${counted(repeatedBlocks, 'block')} sent again`;
  return `blocks of ${blockBytes}${windows}${repeated}`;
}

/** Details in parentheses; empty if there are none. */
function details(...parts: readonly string[]): string {
  const known = parts.filter((part) => part !== '');
  return known.length === 0 ? '' : ` (${known.join(', ')})`;
}

const sizeOf = ({ bytes }: TftpParams | HttpParams): string => formatBytes(bytes ?? 0);

const configuration = (purpose: string): string => `Was told ${purposeText(purpose)}`;

/** Packets that are not requests, by their kind (`tftp/packet.ts`). */
const PACKETS: ReadonlySet<string> = new Set<TftpPacket['kind']>(['read', 'write', 'data', 'ack', 'error', 'options']);

/** The sentences of TFTP by kind. */
export const TFTP_SENTENCES: Readonly<Record<TftpEventKind, (event: TftpParams) => string>> = {
  'tftp.listening': (event) => `TFTP listens on ${endpoint(event)}`,
  'tftp.sent': (event) =>
    event.purpose === undefined
      ? `Loaded ${fileOf(event)} by TFTP${details(speedOf(event), termsOf(event))}`
      : configuration(event.purpose),
  'tftp.probed': (event) => `Asked for the size of ${fileOf(event)} by TFTP`,
  'tftp.missing': (event) => `Requested ${fileOf(event)} by TFTP: ${reasonText(event.reason)}`,
  'tftp.refused': (event) => `Was refused ${fileOf(event)} by TFTP: ${reasonText(event.reason)}`,
  'tftp.aborted': (event) =>
    `Aborted the transfer of ${fileOf(event)} after ${sizeOf(event)}${details(errorOf(event))}`,
  'tftp.timed-out': (event) =>
    `Stopped answering while loading ${fileOf(event)} by TFTP, after ${sizeOf(event)}${details(termsOf(event))}`,
  'tftp.flooded': (event) =>
    `Sent far more packets than it received while loading ${fileOf(event)} by TFTP, after ${sizeOf(event)}`,
  'tftp.unreachable': (event) => `Closed its port while loading ${fileOf(event)} by TFTP, after ${sizeOf(event)}`,
  'tftp.gave-way': (event) =>
    `Was displaced by another client while loading ${fileOf(event)} by TFTP, after ${sizeOf(event)}`,
  'tftp.restarted': (event) => `Restarted the transfer of ${fileOf(event)} after ${sizeOf(event)}`,
  'tftp.failed': (event) => `${fileOf(event)} could not be read for TFTP: ${event.reason ?? 'unknown'}; check the disk`,
  'tftp.malformed': ({ reason = 'unknown' }) =>
    `Sent an invalid request to the TFTP port: ${PACKETS.has(reason) ? `${reason} packet` : reason}`,
};

/** The client's TFTP error; empty if it sent none. */
function errorOf({ code, reason }: TftpParams): string {
  const words = reason === undefined || reason === '' ? '' : `"${reason}"`;
  return code === undefined ? words : `error ${code} ${words}`.trim();
}

const endpoint = ({ address, port }: TftpParams | HttpParams): string => `${address ?? 'every address'}:${port ?? 0}`;

/** Why the region refused a request, in the region's own words; undefined if it gave no reason. */
export function refusalOf({ said, reason }: Pick<HttpParams, 'said' | 'reason'>): string | undefined {
  if (said === undefined) return reason;
  return reason === undefined ? said : `${said} (${reason})`;
}

/** The report of a machine, by the path of its request. */
const REPORTS: readonly (readonly [RegExp, string])[] = [
  [/\/rackboot\/1\/signal$/, 'Reported progress'],
  [/\/api\/\d\.\d\/(?:machines|nodes)\/$/, 'Reported its hardware'],
  [/\/metadata\/(?:status|.*\/signal)|\/(?:metadata|curtin)\//, 'Reported its progress'],
];

/** `done` with its time or, if the region refused the request, `tried` with the path and the reason. */
function exchanged(event: HttpParams, done: string, tried: string): string {
  const took = event.milliseconds === undefined ? '' : ` (${formatSpan(event.milliseconds)})`;
  const status = event.status ?? 0;
  if (status < 400) return `${done}${took}`;
  const operation = event.operation === undefined ? '' : ` (${event.operation})`;
  const why = refusalOf(event);
  return `${tried} ${fileOf(event)}${operation}, refused by the region with ${status}${why === undefined ? '' : `: ${why}`}`;
}

function reported(event: HttpParams): string {
  const words = REPORTS.find(([path]) => path.test(event.file ?? ''))?.[1];
  return exchanged(event, words ?? 'Sent a report', 'Sent a report to');
}

/** The sentences of HTTP by kind. */
export const HTTP_SENTENCES: Readonly<Record<HttpEventKind, (event: HttpParams) => string>> = {
  'http.listening': (event) => `HTTP listens on ${endpoint(event)}`,
  'http.file-sent': (event) =>
    `Loaded ${event.status === 206 ? 'part of ' : ''}${fileOf(event)} by HTTP${details(speedOf(event))}`,
  'http.probed': (event) => `Checked ${fileOf(event)} by HTTP without loading it`,
  'http.rendered': (event) => configuration(event.purpose ?? 'nothing'),
  'http.missing': (event) => `Requested ${fileOf(event)} by HTTP: ${reasonText(event.reason)}`,
  'http.refused': (event) => `Was refused ${fileOf(event)} by HTTP: ${reasonText(event.reason)}`,
  'http.aborted': (event) => `Closed the connection while loading ${fileOf(event)} by HTTP${details(speedOf(event))}`,
  'http.stalled': (event) =>
    `Has stalled for ${formatSpan(event.milliseconds ?? 0)} loading ${fileOf(event)} by HTTP, after ${sizeOf(event)}: check its screen`,
  'http.timed-out': (event) =>
    `Stalled while loading ${fileOf(event)} by HTTP, after ${sizeOf(event)}, and was disconnected`,
  'http.failed': (event) => `${fileOf(event)} could not be read for HTTP: ${event.reason ?? 'unknown'}; check the disk`,
  'http.posted': reported,
  'http.forwarded': (event) => exchanged(event, `Read ${fileOf(event)} from the region`, 'Requested'),
  'http.region-unreachable': ({ region, reason, said, ...event }) => {
    const where = region === undefined ? '' : ` at ${region}`;
    return `Requested ${fileOf(event)} from the region${where} without success: ${reasonText(reason)}${said === undefined ? '' : `: ${said}`}`;
  },
};

// What TFTP and HTTP tell, as a person reads it.

import { ASSET_REFUSALS } from '../../boot/asset.ts';
import type { RackEvent } from '../../event.ts';
import { HTTP_EVENTS, HTTP_REFUSALS, type HttpEvent, type HttpEventKind } from '../../http/events.ts';
import { formatIpv4 } from '../../net/address.ts';
import { TFTP_EVENTS, TFTP_REFUSALS, type TftpEvent, type TftpEventKind } from '../../tftp/events.ts';
import { formatBytes, formatSpan } from '../quantity.ts';
import { lowerFirst } from './dhcp.ts';

export const isTftpEvent = (event: RackEvent): event is TftpEvent => Object.hasOwn(TFTP_EVENTS, event.kind);
export const isHttpEvent = (event: RackEvent): event is HttpEvent => Object.hasOwn(HTTP_EVENTS, event.kind);

/** What a rendered configuration tells a machine to do, by its purpose. */
export const PURPOSE_SENTENCES: Readonly<Record<string, string>> = {
  enlist: 'to enlist itself',
  commissioning: 'to run the ephemeral environment',
  install: 'to install its system',
  local: 'to start its own disk',
  poweroff: 'to switch off, for it has nothing to do',
  chain: 'to ask again and say who it is',
  'image-missing': 'nothing but that its kernel and initrd are not in the boot tree',
  'no-boot-http': 'nothing but that this rack has no HTTP listener it could report to',
  'arguments-not-quotable': 'nothing but that its kernel arguments cannot be written down',
};

/** What would cure a configuration that can only explain, by its purpose. */
export const PURPOSE_CURES: Readonly<Record<string, string>> = {
  'image-missing':
    'its kernel and initrd are not in the boot tree: `rackboot images build` makes the environment, an import brings an installer',
  'no-boot-http': 'this rack has no HTTP listener it could report to: name one under boot.http.listen',
  'arguments-not-quotable':
    'its kernel arguments cannot be written down: correct boot.kernel_params, or the arguments or the name of this machine',
};

const REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...TFTP_REFUSALS,
    ...HTTP_REFUSALS,
    ...ASSET_REFUSALS,
    'not-in-tree': 'There is no such file in the boot tree.',
  }),
);

function reasonText(reason: string | undefined): string {
  if (reason === undefined) return 'no reason was given';
  const known = REASONS.get(reason);
  return known === undefined ? reason : `${lowerFirst(known).replace(/\.$/, '')} (${reason})`;
}

const purposeText = (purpose: string): string => PURPOSE_SENTENCES[purpose] ?? purpose;
const fileOf = ({ file }: { readonly file?: string | undefined }): string => file ?? 'a file';

function speedOf({ bytes, milliseconds }: TftpEvent | HttpEvent): string {
  if (bytes === undefined) return '';
  const size = formatBytes(bytes);
  return milliseconds === undefined ? `: ${size}` : `: ${size} in ${formatSpan(milliseconds)}`;
}

function termsOf({ blockBytes, windowBlocks, repeatedBlocks }: TftpEvent): string {
  if (blockBytes === undefined) return '';
  const windows = windowBlocks === undefined || windowBlocks < 2 ? '' : ` in windows of ${windowBlocks}`;
  const repeated = repeatedBlocks === undefined || repeatedBlocks === 0 ? '' : `, ${repeatedBlocks} of them sent again`;
  return `, blocks of ${blockBytes}${windows}${repeated}`;
}

function configuration(event: TftpEvent | HttpEvent, via: string, purpose: string): string {
  return `Got its configuration ${fileOf(event)} by ${via} and is told ${purposeText(purpose)}`;
}

/** The sentence of each kind of TFTP. */
export const TFTP_SENTENCES: Readonly<Partial<Record<TftpEventKind, (event: TftpEvent) => string>>> = {
  'tftp.listening': (event) => `TFTP listens on ${endpoint(event)}`,
  'tftp.sent': (event) =>
    event.purpose === undefined
      ? `Loaded ${fileOf(event)} by TFTP${speedOf(event)}${termsOf(event)}`
      : configuration(event, 'TFTP', event.purpose),
  'tftp.probed': (event) => `Asked by TFTP how large ${fileOf(event)} is`,
  'tftp.missing': (event) => `Asked by TFTP for ${fileOf(event)}: ${reasonText(event.reason)}`,
  'tftp.refused': (event) => `Was refused ${fileOf(event)} by TFTP: ${reasonText(event.reason)}`,
  'tftp.aborted': (event) =>
    `Ended the transfer of ${fileOf(event)} itself after ${formatBytes(event.bytes ?? 0)}${abortWords(event)}`,
  'tftp.timed-out': (event) =>
    `Stopped answering while it loaded ${fileOf(event)} by TFTP, after ${formatBytes(event.bytes ?? 0)}${termsOf(event)}`,
  'tftp.unreachable': (event) =>
    `Does not listen any more for ${fileOf(event)} by TFTP, after ${formatBytes(event.bytes ?? 0)}`,
  'tftp.gave-way': (event) =>
    `Gave way to another client while it loaded ${fileOf(event)} by TFTP, after ${formatBytes(event.bytes ?? 0)}`,
  'tftp.restarted': (event) => `Began the transfer of ${fileOf(event)} anew after ${formatBytes(event.bytes ?? 0)}`,
  'tftp.failed': (event) => `${fileOf(event)} could not be read for TFTP: ${event.reason ?? 'unknown'}; check the disk`,
  'tftp.malformed': (event) => `Sent something to the TFTP port that is no request: ${event.reason ?? 'unknown'}`,
};

function abortWords({ code, reason }: TftpEvent): string {
  const words = reason === undefined || reason === '' ? '' : ` "${reason}"`;
  return code === undefined ? words : `, saying error ${code}${words}`;
}

function endpoint({ address, port }: { readonly address?: RackEvent['address']; readonly port?: number | undefined }) {
  return `${address === undefined ? 'every address' : formatIpv4(address)}:${port ?? 0}`;
}

/** True for something that a machine sent and the region did not take. */
export const isRefusedReport = ({ kind, status }: HttpEvent): boolean => kind === 'http.posted' && (status ?? 0) >= 400;

/** Why the region refused a request, in its own words; undefined: it did not say. */
export function refusalOf({ said, reason }: HttpEvent): string | undefined {
  if (said === undefined) return reason;
  return reason === undefined ? said : `${said} (${reason})`;
}

/** What a machine tells by a report, and asks by a question, as far as its path says. */
const REPORTS: readonly (readonly [RegExp, string])[] = [
  [/\/rackboot\/1\/signal$/, 'Reported progress'],
  [/\/api\/\d\.\d\/(?:machines|nodes)\/$/, 'Reported its hardware'],
  [/\/metadata\/(?:status|.*\/signal)|\/(?:metadata|curtin)\//, 'Reported how far it is'],
];

/** What a machine said or asked: its path is of use only where the region refused it. */
function exchanged(event: HttpEvent, done: string, tried: string): string {
  const took = event.milliseconds === undefined ? '' : ` (${formatSpan(event.milliseconds)})`;
  const status = event.status ?? 0;
  if (status < 400) return `${done}${took}`;
  const operation = event.operation === undefined ? '' : ` (${event.operation})`;
  const why = refusalOf(event);
  return `${tried} ${fileOf(event)}${operation}, which the region refused with ${status}${why === undefined ? '' : `: ${why}`}`;
}

function reported(event: HttpEvent): string {
  const words = REPORTS.find(([path]) => path.test(event.file ?? ''))?.[1];
  return exchanged(event, words ?? 'Sent a report', 'Sent a report to');
}

/** The sentence of each kind of HTTP. */
export const HTTP_SENTENCES: Readonly<Partial<Record<HttpEventKind, (event: HttpEvent) => string>>> = {
  'http.listening': (event) => `HTTP listens on ${endpoint(event)}`,
  'http.file-sent': (event) =>
    `Loaded ${event.status === 206 ? 'a part of ' : ''}${fileOf(event)} by HTTP${speedOf(event)}`,
  'http.probed': (event) => `Looked by HTTP at ${fileOf(event)} without loading it`,
  'http.rendered': (event) => configuration(event, 'HTTP', event.purpose ?? 'nothing'),
  'http.missing': (event) => `Asked by HTTP for ${fileOf(event)}: ${reasonText(event.reason)}`,
  'http.refused': (event) => `Was refused ${fileOf(event)} by HTTP: ${reasonText(event.reason)}`,
  'http.aborted': (event) => `Closed the connection while it loaded ${fileOf(event)} by HTTP${speedOf(event)}`,
  'http.stalled': (event) =>
    `Takes nothing of ${fileOf(event)} by HTTP for ${formatSpan(event.milliseconds ?? 0)}, after ${formatBytes(event.bytes ?? 0)}: see its screen`,
  'http.timed-out': (event) =>
    `Took nothing more of ${fileOf(event)} by HTTP, after ${formatBytes(event.bytes ?? 0)}, so the rack closed the connection`,
  'http.failed': (event) => `${fileOf(event)} could not be read for HTTP: ${event.reason ?? 'unknown'}; check the disk`,
  'http.posted': reported,
  'http.forwarded': (event) => exchanged(event, `Read ${fileOf(event)} from the region`, 'Asked for'),
  'http.region-unreachable': (event) =>
    `Asked the region for ${fileOf(event)}, which does not answer: ${event.reason ?? 'unknown'}`,
};

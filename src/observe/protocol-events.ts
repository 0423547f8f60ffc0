// Recognises the events of the protocols by their kind.

import { DHCP_EVENTS, type DhcpEvent } from '../dhcp/events/events.ts';
import type { RackEvent } from '../ground/event.ts';
import { HTTP_EVENTS, type HttpEvent, type HttpEventKind } from '../http/events.ts';
import { TFTP_EVENTS, type TftpEvent, type TftpEventKind } from '../tftp/events.ts';

export const isDhcpEvent = (event: RackEvent): event is DhcpEvent => Object.hasOwn(DHCP_EVENTS, event.kind);
export const isTftpEvent = (event: RackEvent): event is TftpEvent => Object.hasOwn(TFTP_EVENTS, event.kind);
export const isHttpEvent = (event: RackEvent): event is HttpEvent => Object.hasOwn(HTTP_EVENTS, event.kind);

/**
 * The events of a file that the machine received completely. Every other event with a file is of a
 * download that failed or ended early.
 */
export const FILE_SENT_KINDS: ReadonlySet<string> = new Set<TftpEventKind | HttpEventKind>([
  'tftp.sent',
  'http.file-sent',
  'http.rendered',
]);

/** True for a report of a machine that the region refused. */
export const isRefusedReport = ({ kind, status }: HttpEvent): boolean => kind === 'http.posted' && (status ?? 0) >= 400;

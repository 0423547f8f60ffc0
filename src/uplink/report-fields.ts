// The fields of a reported event on which the region bases decisions. All other facts reach the region only in the event's sentence.

import { cleanText } from '../clean-text.ts';
import type { RackEvent } from '../event.ts';
import type { ReportFields } from '../region/records/event-params.ts';
import { isDhcpEvent } from '../region/words/en/rack-dhcp.ts';
import { isHttpEvent, isTftpEvent } from '../region/words/en/rack-files.ts';

/** The longest name of a file, in characters. */
const FILE_CHARACTERS_MAX = 255;

const fileOf = ({ file }: { readonly file?: string | undefined }): ReportFields =>
  file === undefined ? {} : { file: cleanText(file, FILE_CHARACTERS_MAX) };

/** The fields; undefined if the region bases no decision on this event. */
export function reportFields(event: RackEvent): ReportFields | undefined {
  if (isDhcpEvent(event) && event.kind === 'dhcp.offer') return { client: event.client ?? '', ...fileOf(event) };
  if (isTftpEvent(event) && event.kind === 'tftp.sent') {
    return { ...fileOf(event), ...(event.purpose === undefined ? {} : { purpose: event.purpose }) };
  }
  if (!isHttpEvent(event)) return undefined;
  if (event.kind === 'http.file-sent') return fileOf(event);
  if (event.kind === 'http.rendered') return { ...fileOf(event), purpose: event.purpose ?? 'nothing' };
  return event.kind === 'http.posted' && event.status !== undefined ? { status: event.status } : undefined;
}

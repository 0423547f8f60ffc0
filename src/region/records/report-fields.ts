// Recognises the stage of a machine's boot from the fields of a rack's report.
//
// 1. Two kinds of reports are never recognised: those of a kind or with fields of another version, and those from outside the machine's
//    home network, because any host there can use the machine's hardware address.

import { isReported } from '../reports/reported.ts';
import type { Happening, ReportFields } from './events.ts';

/** The fields of a report on which decisions depend; none for the region's own events. */
export function fieldsOf(event: Happening): ReportFields {
  if (isFromAway(event)) return {};
  switch (event.code) {
    case 'dhcp.offer':
      return { client: event.params.client ?? '', file: event.params.file };
    case 'tftp.sent':
      return { file: event.params.file, purpose: event.params.purpose };
    case 'http.file-sent':
      return { file: event.params.file };
    case 'http.rendered':
      return { file: event.params.file, purpose: event.params.purpose ?? 'nothing' };
    case 'http.posted':
      return { status: event.params.status };
    default:
      return {};
  }
}

/** True for a report from outside the machine's home network. */
export const isFromAway = (event: Happening): boolean =>
  (event.code === 'rack' || isReported(event)) && event.params.isAway === true;

/** True if the report says that a rack sent a configuration to a client of which it knew only the IP address. */
export const isByAddress = (event: Happening): boolean =>
  isReported(event) && event.params.mac === undefined && fieldsOf(event).purpose !== undefined;

/** True for an offer to firmware or a loader, even if the rack has no boot file for it. */
export const isBootOffer = ({ client }: ReportFields): boolean => client !== undefined && client !== '';

/** True for an offer to a running system, which asks without a boot client. */
export const isSystemOffer = ({ client }: ReportFields): boolean => client === '';

/** True for an offer with a boot file. */
export const isOfferWithFile = (fields: ReportFields): boolean => isBootOffer(fields) && fields.file !== undefined;

/** True for an offer to iPXE. */
export const isIpxeOffer = ({ client }: ReportFields): boolean => client === 'ipxe';

/** True for a configuration that boots the machine's own disk. */
export const isDiskStart = ({ purpose }: ReportFields): boolean => purpose === 'local';

/** True for a configuration that boots the ephemeral environment. */
export const isEnvironmentStart = ({ purpose }: ReportFields): boolean => purpose === 'commissioning';

/** True for a configuration that decides what the machine boots, as opposed to one that only makes its loader ask again. */
export const isBootDecision = ({ purpose }: ReportFields): boolean => purpose !== undefined && purpose !== 'chain';

/** True for a request or report that the region refused. */
export const isRefused = ({ status = 0 }: ReportFields): boolean => status >= 400;

/** True for the kernel that the rack offers its loaders. */
export const isKernel = ({ file = '' }: ReportFields): boolean => /(?:^|\/)(?:linux|boot-kernel)$/.test(file);

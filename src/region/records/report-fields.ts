// Recognises the stage of a machine's boot from a rack's report.
//
// 1. Never recognised: a kind or fields of another version, and what comes from outside the
//    machine's home network, because any host there can use the machine's hardware address.

import { isReported } from '../reports/reported.ts';
import type { Happening, ReportFields } from './events.ts';

/** None of the region's own events. */
export function getReportFields(event: Happening): ReportFields {
  if (isFromAway(event)) return {};
  switch (event.code) {
    case 'dhcp.offer':
      return { client: event.params.client ?? '', file: event.params.file };
    case 'tftp.sent':
      return { file: event.params.file, purpose: event.params.purpose };
    case 'http.file-sent':
      return { file: event.params.file };
    case 'http.rendered':
      return { file: event.params.file, purpose: event.params.purpose };
    case 'http.posted':
      return { status: event.params.status };
    default:
      return {};
  }
}

export const isFromAway = (event: Happening): boolean =>
  (event.code === 'rack' || isReported(event)) && event.params.isAway === true;

/** How a rack's report identifies its client. */
export const getReportClient = (
  event: Happening,
): { readonly mac?: string | undefined; readonly address?: string | undefined } =>
  isReported(event) ? event.params : {};

/** True for an offer to firmware or a loader, even if the rack has no boot file for it. */
export const isBootOffer = ({ client }: ReportFields): boolean => client !== undefined && client !== '';

/** A running system asks without a boot client. */
export const isSystemOffer = ({ client }: ReportFields): boolean => client === '';

export const isOfferWithFile = (fields: ReportFields): boolean => isBootOffer(fields) && fields.file !== undefined;

export const isIpxeOffer = ({ client }: ReportFields): boolean => client === 'ipxe';

export const isDiskStart = ({ purpose }: ReportFields): boolean => purpose === 'local';

export const isEnvironmentStart = ({ purpose }: ReportFields): boolean => purpose === 'commissioning';

/**
 * True for a configuration that decides a boot, not for one that only makes the loader ask again.
 */
export const isBootDecision = ({ purpose }: ReportFields): boolean => purpose !== undefined && purpose !== 'chain';

export const isRefused = ({ status = 0 }: ReportFields): boolean => status >= 400;

/** True for the file of a kernel that the rack offers to its loaders. */
export const isKernel = ({ file = '' }: ReportFields): boolean => /(?:^|\/)(?:linux|boot-kernel)$/.test(file);

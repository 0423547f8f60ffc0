// Recognises what a rack reported about a machine's boot, by the fields of its report (`uplink/report-fields.ts`).
//
// 1. A report without fields, from a rack of an earlier version, is recognised as nothing.

import type { Happening, ReportFields } from './event-params.ts';

/** The fields of a logged report; none for the region's own events. */
export const fieldsOf = (event: Happening): ReportFields => (event.code === 'rack' ? event.params : {});

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
export const isKernel = ({ file = '' }: ReportFields): boolean => file === 'linux' || file.endsWith('/linux');

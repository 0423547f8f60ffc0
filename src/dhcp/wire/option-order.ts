// The order of the options in a reply. Sources: RFC 2132 §9.8 (the client's order), §3.3 (the mask
// before the router).
//
// 1. The LEADING options come first, whatever the client asked for.
// 2. Options are dropped by weight, not by the client's order.

import { type DhcpOptions, OptionList } from './message-options.ts';
import { OPTION } from './options.ts';

/** What kind of reply this is, from whom, for how long, and for whom. */
const LEADING: readonly number[] = [
  OPTION.messageType,
  OPTION.serverIdentifier,
  OPTION.leaseTime,
  OPTION.renewalTime,
  OPTION.rebindingTime,
  OPTION.subnetSelection,
  OPTION.clientIdentifier,
];

/** What a client needs most: to reach anything, and to boot. */
const WEIGHTY: readonly number[] = [
  ...LEADING,
  OPTION.subnetMask,
  OPTION.classlessRoutes,
  OPTION.router,
  OPTION.tftpServerName,
  OPTION.bootFileName,
  OPTION.vendorClass,
  OPTION.vendorSpecific,
  OPTION.pathPrefix,
  OPTION.ipxe,
];

/** Options not asked for keep their places. */
export function inAskedOrder(options: DhcpOptions, list: Uint8Array): OptionList {
  const requested = new OptionList();
  // RFC 2132 §3.3: the mask comes first, even if the router was not asked for.
  for (const code of list.includes(OPTION.subnetMask) ? [...list, OPTION.router] : list) {
    if (code === OPTION.router) copyOption(requested, options, OPTION.subnetMask);
    if (!LEADING.includes(code)) copyOption(requested, options, code);
  }
  const arranged = new OptionList();
  const next = requested[Symbol.iterator]();
  options.forEach((value, code) => {
    const entry = requested.has(code) ? next.next().value : undefined;
    if (entry === undefined) arranged.set(code, value);
    else arranged.set(entry[0], entry[1]);
  });
  return arranged;
}

/** The indispensable ones first. */
export function byWeight(options: DhcpOptions): OptionList {
  const sorted = new OptionList();
  for (const code of WEIGHTY) copyOption(sorted, options, code);
  options.forEach((value, code) => {
    sorted.set(code, value);
  });
  return sorted;
}

function copyOption(into: OptionList, options: DhcpOptions, code: number): void {
  const value = options.get(code);
  if (value !== undefined) into.set(code, value);
}

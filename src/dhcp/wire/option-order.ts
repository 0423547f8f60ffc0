// In which order the options of a reply stand. Sources: RFC 2132 §9.8 (as the client asked), §3.3 (the mask before the router).
//
// 1. What each reply begins with (LEADING) stands first whatever was asked for.
// 2. What has no room is left out by its weight, not by where the client named it.

import { type DhcpOptions, OptionList } from './option-list.ts';
import { OPTION } from './options.ts';

/** What says which reply it is, from whom, for how long and to whom. */
const LEADING: readonly number[] = [
  OPTION.messageType,
  OPTION.serverIdentifier,
  OPTION.leaseTime,
  OPTION.renewalTime,
  OPTION.rebindingTime,
  OPTION.subnetSelection,
  OPTION.clientIdentifier,
];

/** What a client needs more than the rest: to reach anything, and to boot. */
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

/** The options with those that were asked for in the places of those, in the order of the list; the others stay where they are. */
export function inAskedOrder(options: DhcpOptions, list: Uint8Array): OptionList {
  const asked = new OptionList();
  // RFC 2132 §3.3: the mask comes before the router, also before one that comes without having been asked for.
  for (const code of list.includes(OPTION.subnetMask) ? [...list, OPTION.router] : list) {
    if (code === OPTION.router) take(asked, options, OPTION.subnetMask);
    if (!LEADING.includes(code)) take(asked, options, code);
  }
  const arranged = new OptionList();
  const next = asked[Symbol.iterator]();
  options.forEach((value, code) => {
    const entry = asked.has(code) ? next.next().value : undefined;
    if (entry === undefined) arranged.set(code, value);
    else arranged.set(entry[0], entry[1]);
  });
  return arranged;
}

/** The options, those first without which a client gets nowhere. */
export function byWeight(options: DhcpOptions): OptionList {
  const sorted = new OptionList();
  for (const code of WEIGHTY) take(sorted, options, code);
  options.forEach((value, code) => {
    sorted.set(code, value);
  });
  return sorted;
}

function take(into: OptionList, options: DhcpOptions, code: number): void {
  const value = options.get(code);
  if (value !== undefined) into.set(code, value);
}

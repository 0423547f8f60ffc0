// The parameters with which a network's clients get their addresses: lease times, options and classes.
// `dhcp` sets them for all networks, a cluster interface for its own network, a host entry for one
// host.
//
// 1. Everything written is checked, even for an interface without DHCP (management 0).

import type { DhcpClass } from '../dhcp/networks/classes.ts';
import type { ConfiguredOption, OptionTable } from '../dhcp/networks/configured-options.ts';
import { mergeClasses, type ResolvedClass, resolveClasses } from './class-list.ts';
import { type LeaseTimes, resolveLeaseTimes, type WrittenLeaseTimes } from './lease-times.ts';
import { type AddressesOf, buildHostOptions, buildNetworkOptions, resolveOptions } from './option-list.ts';
import type { WrittenClusterInterface, WrittenConfig } from './written.ts';

type Report = (key: string, message: string) => void;

/** The parameters that `dhcp` sets for every network. */
interface GeneralParameters {
  readonly times: WrittenLeaseTimes;
  readonly options: readonly ConfiguredOption[];
  readonly classes: readonly ResolvedClass[];
}

/** The parameters of one network. */
export interface NetworkParameters {
  readonly times: LeaseTimes;
  readonly options: OptionTable | undefined;
  readonly classes: readonly DhcpClass[] | undefined;
  /** By index in `hosts`; hosts without options are missing. */
  readonly hostOptions: ReadonlyMap<number, OptionTable>;
}

/** Reports problems at places in the lists of options and of classes. */
const makeReporters = (report: Report): readonly [ofOption: Report, ofClass: Report] => [
  (key, message) => report(`options${key}`, message),
  (key, message) => report(`classes${key}`, message),
];

/** Checks and resolves the parameters of `dhcp`. */
export function resolveGeneralParameters(
  dhcp: WrittenConfig['dhcp'],
  report: Report,
  addressesOf: AddressesOf,
): GeneralParameters {
  resolveLeaseTimes(dhcp, {}, report);
  const [reportOption, reportClass] = makeReporters(report);
  const options = resolveOptions(dhcp.options, 'global', reportOption, addressesOf);
  const classes = resolveClasses(dhcp.classes, 'global', reportClass, addressesOf);
  return { times: dhcp, options, classes };
}

/** Checks and resolves the parameters of a cluster interface, which override those of `dhcp`. */
export function resolveNetworkParameters(
  written: WrittenClusterInterface,
  general: GeneralParameters,
  report: Report,
  addressesOf: AddressesOf,
): NetworkParameters {
  const [reportOption, reportClass] = makeReporters(report);
  const ownOptions = resolveOptions(written.options, 'network', reportOption, addressesOf);
  const classes = resolveClasses(written.classes, 'network', reportClass, addressesOf);
  const tables = new Map<number, OptionTable>();
  for (const [index, host] of written.hosts.entries()) {
    if (host.options === undefined) continue;
    const path = `hosts[${index}].options`;
    const entries = resolveOptions(
      host.options,
      'host',
      (key, message) => report(`${path}${key}`, message),
      addressesOf,
    );
    const table = buildHostOptions(entries, written.router_ip);
    if (table !== undefined) tables.set(index, table);
  }
  return {
    times: resolveLeaseTimes(written, general.times, report),
    options: buildNetworkOptions(ownOptions, general.options, written),
    classes: mergeClasses(classes, general.classes, written.router_ip),
    hostOptions: tables,
  };
}

// On what terms the clients of a network get their addresses: lease times, options and classes, of `dhcp` for all networks, of a cluster
// interface for its own, of a host for it alone.
//
// 1. Everything written is checked, that of an interface without DHCP (management 0), too.

import type { DhcpClass } from '../dhcp/networks/classes.ts';
import type { ConfiguredOption, OptionTable } from '../dhcp/networks/configured-options.ts';
import { networkClasses, type ResolvedClass, resolveClasses } from './class-list.ts';
import { type LeaseTimes, resolveLeaseTimes, type WrittenLeaseTimes } from './lease-times.ts';
import { hostOptions, networkOptions, resolveOptions } from './option-list.ts';
import type { WrittenClusterInterface, WrittenConfig } from './written.ts';

/** Reports a problem at a key below the place that is resolved. */
type Report = (key: string, message: string) => void;

/** What `dhcp` says for every network. */
export interface GeneralTerms {
  readonly times: WrittenLeaseTimes;
  readonly options: readonly ConfiguredOption[];
  readonly classes: readonly ResolvedClass[];
}

/** What holds in one network. */
export interface NetworkTerms {
  readonly times: LeaseTimes;
  readonly options: OptionTable | undefined;
  readonly classes: readonly DhcpClass[] | undefined;
  /** By the place of the host in `hosts`; a host without options has none. */
  readonly hostOptions: ReadonlyMap<number, OptionTable>;
}

/** Checks and resolves what `dhcp` says. */
export function resolveGeneralTerms(dhcp: WrittenConfig['dhcp'], report: Report): GeneralTerms {
  resolveLeaseTimes(dhcp, {}, report);
  const options = resolveOptions(dhcp.options, 'global', (key, message) => report(`options${key}`, message));
  const classes = resolveClasses(dhcp.classes, 'global', (key, message) => report(`classes${key}`, message));
  return { times: dhcp, options, classes };
}

/** Checks and resolves what a cluster interface says, over what `dhcp` does. */
export function resolveNetworkTerms(
  written: WrittenClusterInterface,
  general: GeneralTerms,
  report: Report,
): NetworkTerms {
  const own = resolveOptions(written.options, 'network', (key, message) => report(`options${key}`, message));
  const classes = resolveClasses(written.classes, 'network', (key, message) => report(`classes${key}`, message));
  const tables = new Map<number, OptionTable>();
  for (const [index, host] of written.hosts.entries()) {
    if (host.options === undefined) continue;
    const at = `hosts[${index}].options`;
    const entries = resolveOptions(host.options, 'host', (key, message) => report(`${at}${key}`, message));
    const table = hostOptions(entries, written.router_ip);
    if (table !== undefined) tables.set(index, table);
  }
  return {
    times: resolveLeaseTimes(written, general.times, report),
    options: networkOptions(own, general.options, written),
    classes: networkClasses(classes, general.classes, written.router_ip),
    hostOptions: tables,
  };
}

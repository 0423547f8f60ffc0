// Classes of clients in the configuration: from the written form (name, condition, effects) to the
// classes of a network.
//
//   dhcp.classes ┐
//   cluster_interfaces[…].classes ├─ resolveClasses (one list) ─→ entries ─ mergeClasses ─→ the classes of a network
//
// 1. A class without effect, or with effects that exclude each other, is refused as a mistake.
// 2. Every option of a class counts as conditional, so it may replace a boot field.

import { z } from 'zod';
import type { DhcpClass } from '../dhcp/networks/classes.ts';
import type { ClientCondition } from '../dhcp/networks/conditions.ts';
import type { ConfiguredOption } from '../dhcp/networks/configured-options.ts';
import type { Ipv4 } from '../ground/address.ts';
import type { Seconds } from '../ground/clock.ts';
import { counted } from '../ground/counted.ts';
import { clientCondition, resolveCondition } from './client-condition.ts';
import { LEASE_SECONDS_MAX, LEASE_SECONDS_MIN } from './lease-times.ts';
import { type AddressesOf, buildHostOptions, type OptionLevel, optionList, resolveOptions } from './option-list.ts';
import { duration, loaders, plainName } from './written-values.ts';

/**
 * The most classes in one list. Each DISCOVER and REQUEST is tested against all; only the operator
 * fills the list.
 */
const CLASSES_MAX = 64;

const writtenClass = z.strictObject({
  name: plainName,
  when: clientCondition,
  options: optionList.optional(),
  loaders: loaders.optional(),
  lease_time: duration.optional(),
  deny: z.boolean({ error: 'expected true or false' }).optional(),
});

/** One list of classes, as written. */
export const classList = z.array(writtenClass).max(CLASSES_MAX);

/** A class, not yet bound to a network. */
export interface ResolvedClass {
  readonly name: string;
  readonly when: ClientCondition;
  readonly options: readonly ConfiguredOption[];
  readonly loaders: ReadonlyMap<string, string> | undefined;
  readonly leaseTime: Seconds | undefined;
  readonly deny: boolean | undefined;
}

/** Reports a problem at a key below the list, such as `[2].when`. */
type Report = (key: string, message: string) => void;

/** The classes of one list. */
export function resolveClasses(
  written: z.output<typeof classList>,
  level: OptionLevel,
  report: Report,
  addressesOf: AddressesOf,
): readonly ResolvedClass[] {
  const indexByName = new Map<string, number>();
  return written.map((item, index) => {
    const path = `[${index}]`;
    const firstIndex = indexByName.get(item.name);
    if (firstIndex === undefined) indexByName.set(item.name, index);
    else report(`${path}.name`, `"${item.name}" is also the name of [${firstIndex}]`);
    checkEffects(item, path, report);
    const reportOption: Report = (key, message) => report(`${path}.options${key}`, message);
    const options = resolveOptions(item.options ?? [], level, reportOption, addressesOf);
    return {
      name: item.name,
      when: resolveCondition(item.when, (message) => report(`${path}.when`, message)),
      options: options.map((entry) => ({ ...entry, when: entry.when ?? ALWAYS })),
      loaders: item.loaders === undefined ? undefined : new Map(Object.entries(item.loaders)),
      leaseTime: item.lease_time,
      deny: item.deny,
    };
  });
}

/** Matches every client of a class. */
const ALWAYS: ClientCondition = {};

function checkEffects(entry: z.output<typeof writtenClass>, key: string, report: Report): void {
  const { lease_time: leaseTime, deny } = entry;
  const effects = (['options', 'loaders', 'lease_time'] as const).filter((key) => entry[key] !== undefined);
  if (effects.length === 0 && deny === undefined)
    report(key, 'changes nothing: add options, loaders, lease_time or deny');
  if (deny === true && effects[0] !== undefined)
    report(`${key}.${effects[0]}`, 'has no effect because the class has deny: true; remove one of them');
  if (leaseTime !== undefined && (leaseTime < LEASE_SECONDS_MIN || leaseTime > LEASE_SECONDS_MAX))
    report(`${key}.lease_time`, `${counted(leaseTime, 'second')} is outside ${LEASE_SECONDS_MIN} seconds to one year`);
}

/**
 * The classes of a network with this router, its own before the general ones; `undefined` if there
 * are none.
 */
export function mergeClasses(
  networkClasses: readonly ResolvedClass[],
  generalClasses: readonly ResolvedClass[],
  router: Ipv4 | undefined,
): readonly DhcpClass[] | undefined {
  const classes = [...networkClasses, ...generalClasses].map(
    ({ options, ...dhcpClass }): DhcpClass => ({ ...dhcpClass, options: buildHostOptions(options, router) }),
  );
  return classes.length === 0 ? undefined : classes;
}

// Conditions on a client, as written in `when` of an option or a class.

import { z } from 'zod';
import type { ClientCondition, TextMatch } from '../dhcp/networks/conditions.ts';
import { macPrefix, textual } from './written-values.ts';

/** The most entries of a list within a condition. Each message of a client is compared with all of them. */
const ALTERNATIVES_MAX = 64;

/** One value or a list of them. A problem carries the place of the value that causes it. */
const oneOrMoreOf = <T extends z.ZodType>(item: T) =>
  z.unknown().transform((value, context): readonly z.output<T>[] => {
    const isList = Array.isArray(value);
    const list: readonly unknown[] = isList ? value : [value];
    const refuse = (message: string, path: readonly PropertyKey[]): void => {
      context.issues.push({ code: 'custom', message, input: value, path: [...path] });
    };
    if (list.length === 0 || list.length > ALTERNATIVES_MAX) refuse(`expected 1 to ${ALTERNATIVES_MAX} entries`, []);
    const parsed = list.slice(0, ALTERNATIVES_MAX).map((entry) => item.safeParse(entry));
    for (const [index, { error }] of parsed.entries()) {
      for (const { message, path } of error?.issues ?? []) refuse(message, [...(isList ? [index] : []), ...path]);
    }
    return parsed.flatMap(({ success, data }) => (success ? [data] : []));
  });

const textMatch = z
  .string({ error: 'expected text; a * at its end matches anything' })
  .min(1)
  .max(255)
  .transform((text): TextMatch => {
    const isPrefix = text.endsWith('*');
    return { text: isPrefix ? text.slice(0, -1) : text, isPrefix };
  });

/** A pattern for a host name. It has no dot because only the first label is compared. */
const hostnameMatch = textual(
  'a host name of letters, digits and hyphens; a * at its start or end matches anything',
  (text): TextMatch | undefined => {
    const name = text.toLowerCase();
    const match = /^(\*?)([a-z0-9-]{1,63})(\*?)$/.exec(name);
    if (match === null) return name === '*' ? { text: '', isPrefix: true } : undefined;
    const [, leadingStar, label = '', trailingStar] = match;
    const pattern = { text: label, isPrefix: trailingStar === '*' };
    return leadingStar === '*' ? { ...pattern, isSuffix: true } : pattern;
  },
);

const ARCHITECTURE_PROBLEM = { error: 'expected numbers of option 93, 0 to 65535: 7, or a list [7, 9]' };
const architecture = z.number(ARCHITECTURE_PROBLEM).int(ARCHITECTURE_PROBLEM).min(0).max(0xffff);

const CONDITION_EXPECTED =
  'expected a condition such as { hostname: "arm-*" }; see docs/dhcp-reservations-and-classes.md';

/** A condition, as written. */
export const clientCondition = z.strictObject(
  {
    hostname: oneOrMoreOf(hostnameMatch).optional(),
    mac: oneOrMoreOf(macPrefix).optional(),
    vendor_class: textMatch.optional(),
    user_class: textMatch.optional(),
    architecture: oneOrMoreOf(architecture).optional(),
    circuit_id: textMatch.optional(),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? CONDITION_EXPECTED : undefined) },
);

/** A condition, as used. Reports an empty one. */
export function resolveCondition(
  written: z.output<typeof clientCondition>,
  report: (message: string) => void,
): ClientCondition {
  const { hostname, mac, vendor_class, user_class, architecture: architectures, circuit_id } = written;
  if (Object.values(written).every((value) => value === undefined))
    report('is empty: name hostname, mac, vendor_class, user_class, architecture or circuit_id');
  return {
    hostnames: hostname,
    macs: mac,
    vendorClass: vendor_class,
    userClass: user_class,
    architectures,
    circuitId: circuit_id === undefined ? undefined : decodeBytesMatch(circuit_id),
  };
}

/** A circuit id may be binary: `0x0004001a` stands for four bytes. */
function decodeBytesMatch(match: TextMatch): TextMatch {
  const digits = /^0x((?:[0-9a-f]{2})+)$/i.exec(match.text)?.[1];
  return digits === undefined ? match : { ...match, text: Buffer.from(digits, 'hex').toString('latin1') };
}

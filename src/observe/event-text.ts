// Events as people read them: numbers become addresses, and the rest of the fields become `name=value`.

import type { EventKind, RackEvent } from '../event.ts';
import { formatIpv4, formatMac } from '../net/address.ts';

/** Every kind of event that the daemon's rooms publish, by name. */
export type EventKinds = ReadonlyMap<string, EventKind>;

/** An event's fields for a log line: hardware addresses and addresses as text, `at` and `kind` left out. */
export function eventFields(event: RackEvent): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === 'kind' || name === 'at' || value === undefined) continue;
    if (name === 'mac') fields.mac = event.mac === undefined ? undefined : formatMac(event.mac);
    else if (name === 'address') fields.address = event.address === undefined ? undefined : formatIpv4(event.address);
    else fields[name] = value;
  }
  return fields;
}

/** One line of text: what happened and the fields that matter, without the machine's own addresses. */
export function eventText(event: RackEvent, kind: EventKind | undefined): string {
  const { mac: _mac, address, ...rest } = eventFields(event);
  const words = Object.entries({ ...(address === undefined ? {} : { address }), ...rest }).map(
    ([name, value]) => `${name}=${String(value)}`,
  );
  return [kind?.message ?? event.kind, ...words].join(' ');
}

// An event of each kind with every field that its sentence may use, made from the fields' types.

import { ipv4, mac } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import type { Form, RackEvent } from '../../src/ground/event.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';

/** A note without parameters; an event of a note has any of them. */
const NOTE = 'database-read-only';

function sampleOf(name: string, form: Form): unknown {
  if (name === 'note') return NOTE;
  if (typeof form !== 'string') return form[0];
  return form.startsWith('number') ? 7 : form.startsWith('flag') ? true : `a-${name}`;
}

/** @param more replaces fields, or adds them */
export function reportedSample(kind: string, more: object = {}): RackEvent {
  const fields = Object.entries<Form | undefined>({ ...EVENT_KINDS.get(kind)?.fields });
  const samples = fields.map(([name, form]) => [name, form === undefined ? form : sampleOf(name, form)]);
  const origin = { kind, at: instant(0), mac: mac(0x525400000001), address: ipv4(0x0a140064) };
  return { ...origin, ...Object.fromEntries(samples), ...more };
}

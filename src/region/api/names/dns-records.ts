// Domains, names and records as the objects of MAAS's API, made of the settings `dns.domain`, `dns.domains` and `dns.records`, which every rack
// serves at once.
//
// Sources: MAAS's domains, dnsresources and dnsresourcerecords.
//
// 1. The settings are the only store: a record that somebody adds to `dns.records` is an object here, too.
// 2. The API gives each record a number, `id`. A record without one, as people write it, is shown with a number of its text.
// 3. A name has the number of its first record, and so keeps it while its other records change.

import { isSettings, type SettingValue } from '../../../machines/settings.ts';
import { isRefusal, type Refusal } from '../call/answer.ts';
import { type ApiCall, usernameOf } from '../call/operation.ts';
import { refuseSetting } from '../racks/interface-operations.ts';

const RECORDS = 'dns.records';
/** The types that the racks serve (`dns/record-text.ts`). */
export const RECORD_TYPES = ['A', 'CNAME', 'TXT', 'MX', 'NS', 'SRV', 'PTR'] as const;
type RecordType = (typeof RECORD_TYPES)[number];

export interface NamedRecord {
  readonly id: number;
  /** Fully qualified. */
  readonly name: string;
  readonly type: RecordType;
  readonly data: string;
  /** Seconds; `undefined`: the server's own. */
  readonly ttl: number | undefined;
}

/** FNV-1a of 32 bits, without the sign: no stranger chooses these texts. */
function numberOf(text: string): number {
  let digest = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    digest = Math.imul(digest ^ text.charCodeAt(index), 0x01000193);
  }
  return (digest >>> 1) + 1;
}

/** The number of a domain; the default one has 0. */
export const domainIdOf = (name: string, byDefault: string): number => (name === byDefault ? 0 : numberOf(name));

/** The records in a setting; entries of another form, which no configuration has, are left out. */
function recordsOf(setting: SettingValue | undefined): readonly NamedRecord[] {
  const list = Array.isArray(setting) ? setting : [];
  return list.flatMap((entry): readonly NamedRecord[] => {
    if (!isSettings(entry)) return [];
    const { id, name, type, data, ttl } = entry;
    const known = RECORD_TYPES.find((one) => one === type);
    if (typeof name !== 'string' || typeof data !== 'string' || known === undefined) return [];
    const number = typeof id === 'number' ? id : numberOf(`${name} ${known} ${data}`);
    return [
      { id: number, name: name.toLowerCase(), type: known, data, ttl: typeof ttl === 'number' ? ttl : undefined },
    ];
  });
}

const settingOf = (records: readonly NamedRecord[]): SettingValue =>
  records.map(({ id, name, type, data, ttl }) => ({ id, name, type, data, ...(ttl === undefined ? {} : { ttl }) }));

/** Numbers of the API begin at this time, so that they are short. */
const NUMBERS_FROM_SECONDS = 1_700_000_000;

/** A number above all that records have, and above those of records that were deleted before this second. */
export function nextNumber(records: readonly NamedRecord[], nowMs: number): number {
  const highest = records.reduce((most, { id }) => Math.max(most, id), 0);
  return Math.max(highest + 1, Math.floor(nowMs / 1000) - NUMBERS_FROM_SECONDS);
}

/** The records that the racks serve. */
export const currentRecords = ({ region }: ApiCall): readonly NamedRecord[] =>
  recordsOf(region.settings.valueOf(RECORDS));

/** The default domain, and the further ones. */
export function currentDomains({ region }: ApiCall): readonly [string, ...string[]] {
  const byDefault = region.settings.valueOf('dns.domain');
  const more = region.settings.valueOf('dns.domains');
  const own = typeof byDefault === 'string' && byDefault !== '' ? byDefault : region.config().domain;
  const names = Array.isArray(more) ? more.filter((one) => typeof one === 'string') : [];
  return [own, ...names.filter((name) => name !== own)];
}

/** Ends the transaction of a change that the stored records do not allow. */
class Disallowed extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super('the stored records do not allow the change');
    this.refusal = refusal;
  }
}

/**
 * Changes the records. @param revise makes the new list of the stored one, or refuses; perhaps more than once
 * @returns the refusal: of `revise`, or the file has the records, or they do not fit
 */
export async function changeRecords(
  call: ApiCall,
  revise: (records: readonly NamedRecord[]) => readonly NamedRecord[] | Refusal,
): Promise<Refusal | undefined> {
  const edit = {
    ...{ key: RECORDS, value: undefined },
    revise(stored: SettingValue | undefined): SettingValue {
      const revised = revise(recordsOf(stored));
      if (isRefusal(revised)) throw new Disallowed(revised);
      return settingOf(revised);
    },
  };
  try {
    const refused = await call.region.settings.change('', [edit], usernameOf(call));
    return refused === undefined ? undefined : refuseSetting(refused);
  } catch (error) {
    if (error instanceof Disallowed) return error.refusal;
    throw error;
  }
}

/** Changes the list of further domains, as `changeRecords` does. */
export async function changeDomains(
  call: ApiCall,
  revise: (names: readonly string[]) => readonly string[],
): Promise<Refusal | undefined> {
  const namesOf = (stored: SettingValue | undefined): readonly string[] =>
    Array.isArray(stored) ? stored.filter((one) => typeof one === 'string') : [];
  const edit = {
    ...{ key: 'dns.domains', value: undefined },
    revise: (stored: SettingValue | undefined): SettingValue => [...revise(namesOf(stored))],
  };
  const refused = await call.region.settings.change('', [edit], usernameOf(call));
  return refused === undefined ? undefined : refuseSetting(refused);
}

/** The longest of these domains that has the name; `undefined`: none. */
export const domainOf = (domains: readonly string[], name: string): string | undefined =>
  domains.filter((one) => name === one || name.endsWith(`.${one}`)).toSorted((a, b) => b.length - a.length)[0];

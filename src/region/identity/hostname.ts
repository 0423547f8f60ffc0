// Hostnames of machines: their validation, and the generation of one from two words.
//
// Sources: RFC 1123 §2.1 (letters, digits, hyphens), RFC 1035 §2.3.4 (63 octets).
//
// 1. A hostname is one label, in lower case.
// 2. `localhost`, `wpad` and `isatap` are refused, because other hosts give them a meaning (RFC
//    6761 §6.3; proxy and ISATAP discovery).
// 3. A name of the form `10-20-0-100` is refused, because addresses of the dynamic range have such names.

import type { Clock } from '../../ground/clock.ts';
import { RESERVED_LABELS } from '../../ground/reserved-labels.ts';
import type { HardwareFacts } from '../records/hardware-facts.ts';
import type { NamedHost, NameKnowledge, NameQuestion } from '../records/knowledge.ts';
import { identifyingSerial } from './hardware-identity.ts';

export const HOSTNAME_MAX = 63;
/**
 * How many names of two words are tried before a number is added, then how many names with a
 * number, and how many system ids.
 */
const DRAWS_MAX = 32;

/** Default names of environments and installations, which do not identify a machine. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'localhost',
  'localhost-localdomain',
  'maas-enlist',
  'maas-enlisting',
  'maas-enlisting-node',
  'rackboot',
  'debian',
  'ubuntu',
  'none',
  'unassigned-hostname',
]);

const ADJECTIVES = (
  'able agile amber ample ardent azure bold brave bright brisk calm candid clever cool coral crisp daring dapper deft ' +
  'eager early easy fair fast fine fleet fond frank fresh gentle glad golden good grand green handy happy hardy humble ' +
  'ideal jolly keen kind large light lively loyal lucid lucky major mellow merry mild model modest neat nimble noble open ' +
  'patient placid plain polite prime prompt proper proud pure quick quiet rapid ready regal robust royal safe sharp shiny ' +
  'silver simple smart smooth snug social solid sound stable steady strong sunny super sweet swift tidy true trusty vast ' +
  'vital vivid warm wise witty'
).split(' ');

const NOUNS = (
  'acorn alder anchor aspen badger basil bear beaver beech birch bison brook canyon cedar cliff clover comet condor coral ' +
  'crane creek crow dahlia deer delta dolphin dove eagle elk elm falcon fern finch fjord flint forest fox garnet gecko ' +
  'glacier grove gull harbor hare hawk hazel heron hill ibis iris island ivy jasper kestrel koala lagoon lake lark lemur ' +
  'lily linden lion llama lotus lynx magpie maple marten meadow mesa moose moss oak ocean orca orchid osprey otter owl ' +
  'panda pebble pine plover poplar puffin quail rabbit raven reef ridge river robin salmon seal spruce swan tapir thistle ' +
  'tiger trout tulip valley walnut whale willow wolf wren yak zebra'
).split(' ');

export function parseHostname(text: string): string | undefined {
  const name = text.trim().toLowerCase();
  if (name.length > HOSTNAME_MAX || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return undefined;
  return RESERVED_LABELS.has(name) || /^\d{1,3}(-\d{1,3}){3}$/.test(name) || /^\d+$/.test(name) ? undefined : name;
}

export const isPlaceholderHostname = (name: string): boolean => PLACEHOLDERS.has(name);

export type NameSource = 'generated' | 'serial' | 'asset-tag';

/** The hostname from the firmware's value; `undefined` if there is none, or the source is `generated`. */
export function nameFromFacts(source: NameSource, facts: HardwareFacts | undefined): string | undefined {
  if (source === 'generated') return undefined;
  const text = identifyingSerial(source === 'serial' ? facts?.dmi.serial : facts?.dmi.chassis_asset_tag);
  const label = (text ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, HOSTNAME_MAX - 6);
  const word = label.replace(/-+$/, '');
  // Digits alone could be mistaken for an address.
  return parseHostname(/^[0-9-]+$/.test(word) ? `${source === 'serial' ? 'sn' : 'asset'}-${word}` : word);
}

/** A number from 0 to `below` - 1; six bytes make the bias of the remainder negligible. */
function draw(clock: Clock, below: number) {
  return clock.randomBytes(6).reduce((value, byte) => value * 256 + byte, 0) % below;
}

type NameChoice =
  | { readonly kind: 'free'; readonly name: string }
  | { readonly kind: 'ask'; readonly names: readonly string[] };

/**
 * Chooses the first free name among those tried, or draws more. Each draw doubles the number tried,
 * because few will be free by then.
 * @param tried true for a taken name
 */
function choose(tried: ReadonlyMap<string, boolean>, max: number, drawNext: (count: number) => string): NameChoice {
  for (const [name, isTaken] of tried) if (!isTaken) return { kind: 'free', name };
  if (tried.size >= max) throw new Error(`no free name among ${tried.size}`);
  const end = Math.min(Math.max(2 * tried.size, 1), max);
  return { kind: 'ask', names: Array.from({ length: end - tried.size }, (_, index) => drawNext(tried.size + index)) };
}

export const chooseHostname = (clock: Clock, tried: ReadonlyMap<string, boolean>): NameChoice =>
  choose(tried, 2 * DRAWS_MAX, (count) => {
    const words = `${ADJECTIVES[draw(clock, ADJECTIVES.length)]}-${NOUNS[draw(clock, NOUNS.length)]}`;
    return count < DRAWS_MAX ? words : `${words}-${draw(clock, 9000) + 1000}`;
  });

/** The characters of a system id, chosen so that ids spell no words and no two characters look alike. */
const SYSTEM_ID_CHARACTERS = '34678abcdefghkmnpqrstwxy';
const SYSTEM_ID_LENGTH = 6;

/**
 * A system id: six characters. As in MAAS, the first is never the zero digit, which is `3` here.
 * @param tried true for a taken id
 */
export const chooseSystemId = (clock: Clock, tried: ReadonlyMap<string, boolean>): NameChoice =>
  choose(tried, DRAWS_MAX, () => {
    const base = SYSTEM_ID_CHARACTERS.length;
    let id = SYSTEM_ID_CHARACTERS.charAt(1 + draw(clock, base - 1));
    while (id.length < SYSTEM_ID_LENGTH) id += SYSTEM_ID_CHARACTERS.charAt(draw(clock, base));
    return id;
  });

type NamesChoice = { readonly kind: 'free'; readonly systemId: string; readonly hostname: string } | NameQuestion;

/**
 * Chooses both names of a new machine.
 * @param wanted hostnames to try before drawing any
 * @param host the machine, if a person names it
 */
export function chooseNames(
  clock: Clock,
  { systemIds, hostnames }: NameKnowledge,
  wanted: readonly string[],
  host?: NamedHost,
): NamesChoice {
  const id = chooseSystemId(clock, systemIds);
  const untried = wanted.filter((name) => !hostnames.has(name));
  const name: NameChoice = untried.length > 0 ? { kind: 'ask', names: untried } : chooseHostname(clock, hostnames);
  if (id.kind === 'free' && name.kind === 'free') return { kind: 'free', systemId: id.name, hostname: name.name };
  return {
    kind: 'ask',
    ...(id.kind === 'ask' ? { systemIds: id.names } : {}),
    ...(name.kind === 'ask' ? { hostnames: name.names, host } : {}),
  };
}

// The names of answers in the error messages of `rackboot init`: an option by its flag, a typed
// answer by its question. `check` names the keys of a file that does not exist yet.

import { FIELDS, type Field } from './init-questions.ts';

/** `--low`, or `first address for unknown machines`. */
export type NameAnswer = (field: Field) => string;

/**
 * The paths at which `check` reports a problem of each answer, relative to its network except for
 * DNS.
 */
const PATHS: Readonly<Record<Field, string>> = {
  interface: 'interface',
  mode: 'mode',
  router: 'router_ip',
  low: 'ip_range_low',
  high: 'ip_range_high',
  staticLow: 'static_ip_range_low',
  staticHigh: 'static_ip_range_high',
  upstream: 'dns.upstream',
};

/** The flags that answer no question, by path. */
const OTHER_FLAGS: ReadonlyMap<string, string> = new Map([
  ['name', '--name'],
  ['state_dir', '--state-dir'],
  ['dns.domain', '--domain'],
  ['region.url', '--region'],
]);

/** `staticLow` is `--static-low`. */
export const formatFlag: NameAnswer = (field) => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const TYPED: Readonly<Record<Field, string>> = {
  interface: 'interface',
  mode: 'who gives the addresses',
  router: 'router',
  low: 'first address for unknown machines',
  high: 'last address for unknown machines',
  staticLow: 'first address for deployed machines',
  staticHigh: 'last address for deployed machines',
  upstream: 'upstream DNS servers',
};

export const questionName: NameAnswer = (field) => TYPED[field];

/** @param place the path of a problem, without that of the network */
export const fieldsAt = (place: string): readonly Field[] =>
  FIELDS.filter((field) => place === PATHS[field] || place.startsWith(`${PATHS[field]}[`));

/**
 * Keys become the names of answers. @param path its whole path @param place its path without that
 * of the network
 */
export function mistakeText(problem: { path: string; place: string; message: string }, nameOf: NameAnswer): string {
  const { path, place, message } = problem;
  const [field] = fieldsAt(place);
  const name = field === undefined ? (OTHER_FLAGS.get(path) ?? place) : nameOf(field);
  return `${name}: ${inWords(message, nameOf)}`;
}

/** `interface` and `mode` are also ordinary words in messages. */
function inWords(message: string, nameOf: NameAnswer): string {
  let text = message.replace(/\bip (?=\d)/g, "the rack's address ");
  for (const field of FIELDS) {
    if (field === 'interface' || field === 'mode') continue;
    text = text.replace(new RegExp(`\\b${PATHS[field].replace('.', '\\.')}\\b`, 'g'), nameOf(field));
  }
  return text;
}

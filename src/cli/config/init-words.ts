// The names of answers in the error messages of `rackboot init`: an option by its flag, a typed
// answer by its question. `check` names the keys of a file that does not exist yet.

import { FIELDS, type Field } from './init-questions.ts';

/** `--low`, or `first address for unknown machines`. */
export type NameAnswer = (field: Field) => string;

/**
 * The paths at which `check` reports a problem of each answer, relative to its network except for
 * DNS.
 */
const PROBLEM_PATHS: Readonly<Record<Field, string>> = {
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

const ANSWER_NAMES: Readonly<Record<Field, string>> = {
  interface: 'interface',
  mode: 'who gives the addresses',
  router: 'router',
  low: 'first address for unknown machines',
  high: 'last address for unknown machines',
  staticLow: 'first address for deployed machines',
  staticHigh: 'last address for deployed machines',
  upstream: 'upstream DNS servers',
};

export const questionName: NameAnswer = (field) => ANSWER_NAMES[field];

/** @param relativePath the path of a problem, without the path of the network */
export const fieldsAt = (relativePath: string): readonly Field[] =>
  FIELDS.filter(
    (field) => relativePath === PROBLEM_PATHS[field] || relativePath.startsWith(`${PROBLEM_PATHS[field]}[`),
  );

/**
 * Formats a problem with the names of answers instead of keys. @param problem `path` is the whole
 * path, `relativePath` the path within the network
 */
export function mistakeText(
  problem: { path: string; relativePath: string; message: string },
  nameAnswer: NameAnswer,
): string {
  const { path, relativePath, message } = problem;
  const [field] = fieldsAt(relativePath);
  const name = field === undefined ? (OTHER_FLAGS.get(path) ?? relativePath) : nameAnswer(field);
  return `${name}: ${replaceKeys(message, nameAnswer)}`;
}

/**
 * Replaces keys by the names of answers, except `interface` and `mode`, which are also ordinary
 * words in messages.
 */
function replaceKeys(message: string, nameAnswer: NameAnswer): string {
  let text = message.replace(/\bip (?=\d)/g, "the rack's address ");
  for (const field of FIELDS) {
    if (field === 'interface' || field === 'mode') continue;
    text = text.replace(new RegExp(`\\b${PROBLEM_PATHS[field].replace('.', '\\.')}\\b`, 'g'), nameAnswer(field));
  }
  return text;
}

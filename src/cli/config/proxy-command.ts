// Builds the one command that puts a served network into proxy mode. Setting only its `mode` is refused, because keys without effect in proxy
// mode must be removed at the same time. Pure.

import { shellWord } from '../../clean-text.ts';
import { findSetting, INTERFACES_KEY, type Settings } from '../../machines/settings.ts';

/**
 * The command, with the keys that it removes; undefined if the key was not a network's `mode`, or the refusal names no other key of the network.
 * @param refused the text of the refusal, with a line for each key @param stored the settings of the store
 */
export function proxyCommand(key: string, value: unknown, refused: string, stored: Settings): string | undefined {
  const name = key.startsWith(`${INTERFACES_KEY}.`) ? key.slice(INTERFACES_KEY.length + 1).replace(/\.mode$/, '') : '';
  const place = `${INTERFACES_KEY}.${name}`;
  const entry = findSetting(stored, place);
  if (key !== `${place}.mode` || value !== 'proxy' || entry === null || typeof entry !== 'object') return undefined;
  const lines = refused.split('\n').filter((line) => line.startsWith(`${place}.`));
  const gone = new Set(lines.map((line) => /^\w+/.exec(line.slice(place.length + 1))?.[0] ?? ''));
  const kept = Object.entries(entry).filter(([field]) => !gone.has(field) && field !== 'mode');
  if (gone.size === 0 || gone.has('mode')) return undefined;
  const fields = JSON.stringify(Object.fromEntries([...kept, ['mode', value]]));
  return `Without ${[...gone].join(', ')}, in one command: rackboot config set --replace ${place} ${shellWord(fields)}`;
}

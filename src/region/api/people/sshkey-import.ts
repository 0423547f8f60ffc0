// Imports the SSH keys that a person has published at Launchpad or GitHub.
//
// Source: MAAS's `account/prefs/sshkeys/?op=import`, which answers with the keys that it added.
//
// 1. All keys of the list are added, or none. A key that the user has already is not a fault.

import { formatKeySource, keysFaultText, parseKeySource } from '../../accounts/key-sources.ts';
import { parseSshKey, SSH_KEYS_PER_USER_MAX } from '../../accounts/ssh-keys.ts';
import type { SshKey } from '../../records/life-store.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { transactOrUndo } from '../../records/undo.ts';
import { isRefusal, type Refusal, refuse, refuseField } from '../call/answer.ts';
import type { ApiCall } from '../call/operation.ts';

const parseSourceOrRefuse = (text: string) =>
  parseKeySource(text) ?? refuseField('keysource', 'Give lp:NAME for Launchpad, or gh:NAME for GitHub.');

export const SSH_KEYS_LIMIT = `A user may have at most ${SSH_KEYS_PER_USER_MAX} keys: remove one.`;

/**
 * Adds the keys of a list to those of a user. @param text `lp:NAME` or `gh:NAME` @returns the added
 * keys, or a refusal
 */
export async function importSshKeys(
  call: ApiCall,
  username: string,
  text: string,
  event: NewMachineEvent,
): Promise<readonly SshKey[] | Refusal> {
  const { region } = call;
  const source = parseSourceOrRefuse(text);
  if (isRefusal(source)) return source;
  if (region.fetchKeys === undefined)
    return refuseField('keysource', 'This region does not fetch published keys: add your keys one by one.');
  const named = formatKeySource(source);
  const fetched = await region.fetchKeys(source, region.config().install?.httpProxy ?? '');
  switch (fetched.kind) {
    case 'busy':
      return refuse('rate-limit', 'Other published keys are being fetched: try again in a moment.', {
        'Retry-After': '5',
      });
    case 'nobody':
      return refuseField('keysource', `${named} does not exist: check the name.`);
    case 'fault':
      return refuseField(
        'keysource',
        `The keys of ${named} could not be read: ${keysFaultText(fetched.fault)}. If the region has no internet access, set http_proxy, or add the keys one by one.`,
      );
    case 'keys':
      break;
  }
  const keys = fetched.lines.flatMap((line) => {
    const parsed = parseSshKey(line);
    return parsed.kind === 'key' ? [parsed.key] : [];
  });
  if (keys.length === 0) return refuseField('keysource', `${named} has published no key of a supported type.`);
  return await transactOrUndo(region, async (undo) => {
    const added: SshKey[] = [];
    for (const key of new Set(keys)) {
      const sshKey = { username, key, source: named, createdMs: event.atMs };
      const outcome = await region.store.life.addSshKey(sshKey, SSH_KEYS_PER_USER_MAX, event);
      if (outcome === 'limit') throw undo(refuseField('keysource', SSH_KEYS_LIMIT));
      if (outcome !== 'exists') added.push(outcome);
    }
    return added;
  });
}

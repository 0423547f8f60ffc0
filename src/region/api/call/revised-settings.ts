// Changes of settings by an operation: all of them, or none, with what else belongs into the same transaction.

import type { SettingValue } from '../../../machines/settings.ts';
import type { RefusalWord } from '../../records/refusal.ts';
import type { SettingEdit, SettingsReader } from '../../settings.ts';
import { isRefusal, type Refusal, refuseSetting } from './answer.ts';
import { type ApiCall, usernameOf } from './operation.ts';

/** Ends the transaction of a change that the settings in force do not allow. */
class Disallowed extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super('the settings in force do not allow the change');
    this.refusal = refusal;
  }
}

/**
 * A key whose new value is made in the transaction, kept (`undefined`), or refused there; without `revise`, the key is removed from the
 * store.
 */
export interface SettingRevision {
  readonly key: string;
  readonly revise?: (stored: SettingValue | undefined, inForce: SettingsReader) => SettingValue | undefined | Refusal;
}

/**
 * Changes all these settings, or none.
 * @param rack as for `RegionSettings.change`
 * @param also what else is stored in the same transaction, unless they are refused; its refusal undoes them
 * @returns the refusal: of `revise` or of `also`, or a file has the setting, or the values do not fit
 */
export async function reviseSettings(
  call: ApiCall,
  rack: string,
  revisions: readonly SettingRevision[],
  also?: () => Promise<Refusal | undefined>,
): Promise<Refusal | undefined> {
  const edits = revisions.map(({ key, revise }) => {
    if (revise === undefined) return { key, value: undefined };
    const checked = (stored: SettingValue | undefined, inForce: SettingsReader): SettingValue | undefined => {
      const revised = revise(stored, inForce);
      if (revised !== undefined && isRefusal(revised)) throw new Disallowed(revised);
      return revised;
    };
    return { key, value: undefined, revise: checked };
  });
  return await changeSettings(call, rack, edits, also);
}

/** Changes all these settings, or none. Its other parameters and its result are those of `reviseSettings`. */
export async function changeSettings(
  call: ApiCall,
  rack: string,
  edits: readonly SettingEdit[],
  also?: () => Promise<Refusal | undefined>,
): Promise<Refusal | undefined> {
  try {
    const { settings, store } = call.region;
    const change = () => settings.change(rack, edits, usernameOf(call));
    const refused =
      also === undefined
        ? await change()
        : await store.transact(async () => {
            const refusal = await change();
            const misfit = refusal === undefined ? await also() : undefined;
            if (misfit !== undefined) throw new Disallowed(misfit);
            return refusal;
          });
    return refused === undefined ? undefined : refuseSetting(refused);
  } catch (error) {
    if (error instanceof Disallowed) return error.refusal;
    throw error;
  }
}

/** The problem of a setting for an operation whose parameter has another name: without the key. */
export const withoutKey = ({ name, text, part }: RefusalWord): RefusalWord => ({ name, text: part?.text ?? text });

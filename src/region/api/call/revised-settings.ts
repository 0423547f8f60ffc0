// Changes of settings by an operation: all of them, or none, with what else belongs into the same
// transaction.

import type { SettingValue } from '../../../machines/settings.ts';
import type { RefusalWord } from '../../records/refusal.ts';
import { transactOrUndo } from '../../records/undo.ts';
import type { SettingEdit, SettingsReader } from '../../settings.ts';
import { isRefusal, type Refusal, refuseSetting } from './answer.ts';
import { type ApiCall, getCallerUsername } from './operation.ts';

/**
 * An edit whose `revise` may also refuse, in the transaction; without a value, the key is removed
 * from the store.
 */
export interface SettingRevision extends Partial<Omit<SettingEdit, 'key' | 'revise'>>, Pick<SettingEdit, 'key'> {
  readonly revise?:
    | ((stored: SettingValue | undefined, inForce: SettingsReader) => SettingValue | undefined | Refusal)
    | undefined;
}

/**
 * Changes all these settings, or none.
 * @param rack as for `RegionSettings.change`
 * @param also what else is stored in the same transaction, unless they are refused; its refusal undoes them
 * @returns the refusal: of `revise` or of `also`, or a file has the setting, or the values do not fit
 */
export const reviseSettings = (
  call: ApiCall,
  rack: string,
  revisions: readonly SettingRevision[],
  also?: () => Promise<Refusal | undefined>,
): Promise<Refusal | undefined> =>
  transactOrUndo(call.region.store, async (undo) => {
    const edits = revisions.map(({ value, revise, ...edit }): SettingEdit => {
      const checked: SettingEdit['revise'] = (stored, inForce) => {
        const revised = revise?.(stored, inForce);
        if (revised !== undefined && isRefusal(revised)) throw undo(revised);
        return revised;
      };
      return { ...edit, value, revise: revise && checked };
    });
    const refused = await call.region.settings.change(rack, edits, getCallerUsername(call));
    const refusal = refused === undefined ? await also?.() : refuseSetting(refused);
    if (refusal !== undefined) throw undo(refusal);
    return undefined;
  });

/** The problem of a setting for an operation whose parameter has another name: without the key. */
export const withoutKey = ({ name, text, part }: RefusalWord): RefusalWord => ({ name, text: part?.text ?? text });

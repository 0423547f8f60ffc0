// Two persons, or two tabs, with one form: what a person did not touch stays as it is now, and a
// field that both changed is shown with both values.
//
//   page as shown ── a sign of each control's value, hidden ──► sent form ─┬─ value has its sign: untouched ──► the value of now
//   page as it is now, rendered again ── the values of now ────────────────┼─ touched, and now as it was shown ─► the value sent
//                                                                          └─ touched, and changed meanwhile ──► refused with both
//
// 1. The page is the only one that knows the present values: it is rendered once more. A control
//    that it no longer has is not compared.
// 2. A refused form has the signs of now: sent again, it replaces what the other wrote.

import { type Refusal, refuseFields } from '../../api/call/answer.ts';
import type { Fields } from '../../api/call/form-body.ts';
import { hashSha256 } from '../../records/digest.ts';
import { fieldRefusal } from '../../records/refusal.ts';
import type { PageDefinition, View } from './view.ts';
import { words } from './words.ts';

/** Before the name of a control, the name of the field with its sign. */
export const SHOWN = 'shown.';
const SIGN_CHARACTERS = 16;

const NO_VALUES: readonly string[] = [];

/** As browsers send them, without what no operation keeps. */
const valuesIn = (fields: Fields, name: string): readonly string[] =>
  (fields.get(name) ?? NO_VALUES).map((value) => value.replaceAll('\r\n', '\n').trim()).filter((value) => value !== '');

/** @param names the fields of one control */
export const digestFields = (names: Iterable<string>, fields: Fields): string =>
  hashSha256(JSON.stringify([...names].map((name) => valuesIn(fields, name)))).slice(0, SIGN_CHARACTERS);

/** The view with the fields to store; `refusal`: some were changed meanwhile. */
export async function withoutUntouched(
  { render }: PageDefinition,
  view: View,
): Promise<{ readonly view: View; readonly refusal?: Refusal | undefined }> {
  const signs = [...view.form].filter(([name]) => name.startsWith(SHOWN));
  if (signs.length === 0) return { view };
  const fieldsBySign = new Map<string, Fields>();
  await render({ ...view, shown: fieldsBySign });
  const fields = new Map(view.form);
  const conflicts: Record<string, [ReturnType<typeof fieldRefusal>]> = {};
  for (const [field, [sign]] of signs) {
    const name = field.slice(SHOWN.length);
    const now = fieldsBySign.get(name);
    if (now === undefined) continue;
    const names = [...now.keys()];
    const [sent, present] = [digestFields(names, view.form), digestFields(names, now)];
    if (sent === sign) for (const [each, values] of now) fields.set(each, values);
    else if (present !== sign && present !== sent) {
      const texts = names.flatMap((each) => valuesIn(now, each));
      conflicts[name] = [fieldRefusal(words.forms.changedMeanwhile(texts.join(', ')))];
    }
  }
  const refusal = Object.keys(conflicts).length === 0 ? undefined : refuseFields(conflicts);
  return { view: { ...view, form: fields }, refusal };
}

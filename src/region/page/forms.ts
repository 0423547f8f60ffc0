// Forms and their controls as HTML. They work without a script.
//
// 1. Every text that was not written in the code goes through `escapeHtml`, also inside attributes; what comes back with the form, through
//    `escapeHeld`.
// 2. Every form that changes something carries the session's `csrf`; who has none gets no form.
// 3. What was given is shown again after a refusal, but for passwords; what is wrong with a field stands at it.

import { PASSWORD_MAX, PASSWORD_MIN } from '../accounts/accounts.ts';
import { escapeHeld, escapeHtml } from './html.ts';
import { given, type View } from './view.ts';

/** What all controls have. */
interface Control {
  readonly name: string;
  readonly label: string;
  /** A sentence below it. */
  readonly hint?: string | undefined;
  /** What it holds before anybody writes; default: nothing. */
  readonly value?: string | undefined;
}

const idOf = (name: string): string => `f-${name}`;

/** The id of the text that says what is wrong with a field. */
export const faultId = (name: string): string => `${idOf(name)}-fault`;

/** What is wrong with the field, and what it is for. */
function notesOf({ faults }: View, { name, hint }: Omit<Control, 'label'>): string {
  const fault = faults?.get(name);
  return (
    (fault === undefined ? '' : `<p class="fault" id="${faultId(name)}">${escapeHtml(fault)}</p>`) +
    (hint === undefined ? '' : `<p class="hint" id="${idOf(name)}-hint">${escapeHtml(hint)}</p>`)
  );
}

/** The attributes that lead from a field to its notes; one that is at fault gets the text cursor. */
function noted({ faults }: View, { name, hint }: Omit<Control, 'label'>): string {
  const isFaulty = faults?.has(name) === true;
  const notes = [...(isFaulty ? [faultId(name)] : []), ...(hint === undefined ? [] : [`${idOf(name)}-hint`])];
  const described = notes.length === 0 ? '' : ` aria-describedby="${notes.join(' ')}"`;
  return isFaulty ? `${described} aria-invalid="true" autofocus` : described;
}

const heldIn = (view: View, { name, value }: Control): string =>
  view.refusal === undefined ? (value ?? '') : given(view, name);

/** One line of text. */
export function textField(
  view: View,
  control: Control & {
    readonly type?: 'text' | 'password' | 'email' | 'search';
    readonly required?: boolean | undefined;
    readonly pattern?: string | undefined;
    readonly autocomplete?: string | undefined;
    readonly placeholder?: string | undefined;
    readonly charactersMin?: number | undefined;
    readonly charactersMax?: number | undefined;
  },
): string {
  const { name, label, type = 'text', required, pattern, autocomplete = 'off', placeholder } = control;
  const { charactersMin, charactersMax } = control;
  const attributes = [
    `id="${idOf(name)}" name="${escapeHtml(name)}" type="${type}" autocomplete="${autocomplete}"`,
    type === 'password' ? '' : `value="${escapeHeld(heldIn(view, control))}"`,
    required === true ? 'required' : '',
    pattern === undefined ? '' : `pattern="${escapeHtml(pattern)}"`,
    placeholder === undefined ? '' : `placeholder="${escapeHtml(placeholder)}"`,
    charactersMin === undefined ? '' : `minlength="${charactersMin}"`,
    charactersMax === undefined ? '' : `maxlength="${charactersMax}"`,
    type === 'text' ? 'autocapitalize="off" spellcheck="false"' : '',
  ].filter((text) => text !== '');
  return (
    `<div class="field"><label for="${idOf(name)}">${escapeHtml(label)}${required === true ? '' : OPTIONAL}</label>` +
    `<input ${attributes.join(' ')}${noted(view, control)}>${notesOf(view, control)}</div>`
  );
}

/** A password that is drawn up now: `new`, and `again` against a typo. */
export function newPasswordFields(view: View, label: string): string {
  const password = { type: 'password', autocomplete: 'new-password', required: true } as const;
  const rule = { charactersMin: PASSWORD_MIN, charactersMax: PASSWORD_MAX };
  const hint = `At least ${PASSWORD_MIN} characters, of any kind.`;
  return (
    textField(view, { ...password, ...rule, name: 'new', label, hint }) +
    textField(view, { ...password, name: 'again', label: `${label}, once more`, charactersMax: PASSWORD_MAX })
  );
}

const OPTIONAL = ' <span class="soft">optional</span>';

/** Several lines of text. */
export function areaField(
  view: View,
  control: Control & { readonly rows?: number; readonly required?: boolean },
): string {
  const { name, label, rows = 4, required } = control;
  return (
    `<div class="field"><label for="${idOf(name)}">${escapeHtml(label)}${required === true ? '' : OPTIONAL}</label>` +
    `<textarea id="${idOf(name)}" name="${escapeHtml(name)}" rows="${rows}" spellcheck="false"${required === true ? ' required' : ''}` +
    `${noted(view, control)}>\n${escapeHeld(heldIn(view, control))}</textarea>${notesOf(view, control)}</div>`
  );
}

/** A file whose text is taken; its form is `isUpload`. */
export const fileField = (view: View, control: Omit<Control, 'value'>): string =>
  `<div class="field"><label for="${idOf(control.name)}">${escapeHtml(control.label)}${OPTIONAL}</label>` +
  `<input id="${idOf(control.name)}" name="${escapeHtml(control.name)}" type="file"${noted(view, control)}>${notesOf(view, control)}</div>`;

/** One of several, `[value, what people read]`. */
export type Choice = readonly [value: string, text: string];

/** A text of so many characters stands whole in a list that opens, on the narrowest telephone. */
const LISTED_CHARACTERS_MAX = 26;
/** So many are all in sight when the text of one is longer. */
export const CHOICES_SHOWN_MAX = 8;

/** One of several in a list that opens; a few with a longer text are all in sight, where a text goes on in the next line. */
export function choiceField(view: View, control: Control & { readonly choices: readonly Choice[] }): string {
  const { name, label, choices } = control;
  const held = heldIn(view, control);
  const chosen = choices.some(([value]) => value === held) ? held : (choices[0]?.[0] ?? '');
  if (choices.length <= CHOICES_SHOWN_MAX && choices.some(([, text]) => text.length > LISTED_CHARACTERS_MAX)) {
    const inSight = choices.map(([value, text]) => [value, text, ''] as const);
    return radioField({ ...view, refusal: undefined }, { ...control, value: chosen, choices: inSight });
  }
  const options = choices.map(
    ([value, text]) =>
      `<option value="${escapeHeld(value)}"${value === chosen ? ' selected' : ''}>${escapeHtml(text)}</option>`,
  );
  return (
    `<div class="field"><label for="${idOf(name)}">${escapeHtml(label)}</label>` +
    `<select id="${idOf(name)}" name="${escapeHtml(name)}"${noted(view, control)}>${options.join('')}</select>${notesOf(view, control)}</div>`
  );
}

/** One of several, all in sight, each with a sentence of what it means; empty: its text says it. */
export function radioField(
  view: View,
  control: Control & { readonly choices: readonly (readonly [value: string, text: string, meaning: string])[] },
): string {
  const { name, label, choices } = control;
  const chosen = heldIn(view, control);
  const items = choices.map(
    ([value, text, meaning]) =>
      `<label class="choice"><input type="radio" name="${escapeHtml(name)}" value="${escapeHeld(value)}"${value === chosen ? ' checked' : ''}>` +
      `<span><b>${escapeHtml(text)}</b>${meaning === '' ? '' : `<span class="soft">${escapeHtml(meaning)}</span>`}</span></label>`,
  );
  return `<fieldset class="field"><legend>${escapeHtml(label)}</legend>${items.join('')}${notesOf(view, control)}</fieldset>`;
}

/** Yes or no: `true` when it is ticked. */
export function checkField(view: View, control: Control): string {
  const { name, label } = control;
  const isOn = heldIn(view, control) === 'true';
  return (
    `<div class="field"><label class="choice"><input type="checkbox" name="${escapeHtml(name)}" value="true"${isOn ? ' checked' : ''}` +
    `${noted(view, control)}><span><b>${escapeHtml(label)}</b></span></label>${notesOf(view, control)}</div>`
  );
}

/** A value that the form takes along. */
export const hiddenField = (name: string, value: string): string =>
  `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHeld(value)}">`;

export interface FormParts {
  /** Where it goes; default: the page that it is on. */
  readonly to?: string;
  /** HTML: the controls. */
  readonly body: string;
  /** What the button says. */
  readonly submit: string;
  readonly tone?: 'primary' | 'plain' | 'danger';
  /** Where to go instead; undefined: nothing is offered. */
  readonly back?: string;
  /** It has a file in it. */
  readonly isUpload?: boolean;
  /** It is one button in a row, without room around it. */
  readonly isInline?: boolean;
}

/** A form that changes something; empty for those who cannot send one. */
export function formOf({ viewer }: View, parts: FormParts): string {
  const { to = '', body, submit, tone = 'primary', back, isInline = false, isUpload = false } = parts;
  if (viewer.kind !== 'person' || viewer.csrf === '') return '';
  const action = to === '' ? '' : ` action="${escapeHtml(to)}"`;
  const cancel = back === undefined ? '' : `<a class="button plain" href="${escapeHtml(back)}">Cancel</a>`;
  const button = `<button class="button ${tone}">${escapeHtml(submit)}</button>`;
  const buttons = isInline ? button : `<div class="buttons">${button}${cancel}</div>`;
  return `<form method="post"${action}${isUpload ? ' enctype="multipart/form-data"' : ''} class="${isInline ? 'inline' : 'form'}">${hiddenField('csrf', viewer.csrf)}${body}${buttons}</form>`;
}

// Forms and their controls as HTML. They work without a script.
//
// 1. What comes back with a form goes through `held`, so that it comes back as it was.
// 2. Every form that changes something carries the session's `csrf`; who has none gets no form.
// 3. What was given is shown again after a refusal, but for passwords; what is wrong with a field stands at it.

import { PASSWORD_MAX, PASSWORD_MIN } from '../accounts/accounts.ts';
import { type Html, held, html, nothing } from './html.ts';
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
function notesOf({ faults }: View, { name, hint }: Omit<Control, 'label'>): Html {
  const fault = faults?.get(name);
  const wrong = fault === undefined ? nothing : html`<p class="fault" id="${faultId(name)}">${fault}</p>`;
  return hint === undefined ? wrong : html`${wrong}<p class="hint" id="${idOf(name)}-hint">${hint}</p>`;
}

/** The attributes that lead from a field to its notes; one that is at fault gets the text cursor. */
function noted({ faults }: View, { name, hint }: Omit<Control, 'label'>): Html {
  const isFaulty = faults?.has(name) === true;
  const notes = [...(isFaulty ? [faultId(name)] : []), ...(hint === undefined ? [] : [`${idOf(name)}-hint`])];
  const described = notes.length === 0 ? nothing : html` aria-describedby="${notes.join(' ')}"`;
  return isFaulty ? html`${described} aria-invalid="true" autofocus` : described;
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
): Html {
  const { name, label, type = 'text', required, pattern, autocomplete = 'off', placeholder } = control;
  const { charactersMin, charactersMax } = control;
  const attributes = [
    type === 'password' ? nothing : html` value="${held(heldIn(view, control))}"`,
    required === true ? REQUIRED : nothing,
    pattern === undefined ? nothing : html` pattern="${pattern}"`,
    placeholder === undefined ? nothing : html` placeholder="${placeholder}"`,
    charactersMin === undefined ? nothing : html` minlength="${charactersMin}"`,
    charactersMax === undefined ? nothing : html` maxlength="${charactersMax}"`,
    type === 'text' ? html` autocapitalize="off" spellcheck="false"` : nothing,
  ];
  return html`
    <div class="field"><label for="${idOf(name)}">${label}${required === true ? nothing : OPTIONAL}</label>
    <input id="${idOf(name)}" name="${name}" type="${type}" autocomplete="${autocomplete}"${attributes}${noted(view, control)}>
    ${notesOf(view, control)}</div>`;
}

/** A password that is drawn up now: `new`, and `again` against a typo. */
export function newPasswordFields(view: View, label: string): Html {
  const password = { type: 'password', autocomplete: 'new-password', required: true } as const;
  const rule = { charactersMin: PASSWORD_MIN, charactersMax: PASSWORD_MAX };
  const hint = `At least ${PASSWORD_MIN} characters, of any kind.`;
  return html`
    ${textField(view, { ...password, ...rule, name: 'new', label, hint })}
    ${textField(view, { ...password, name: 'again', label: `${label}, once more`, charactersMax: PASSWORD_MAX })}`;
}

const OPTIONAL = html` <span class="soft">optional</span>`;
const REQUIRED = html` required`;
/** A browser takes the first line end of a text area away. */
const LINE_END = '\n';

/** Several lines of text. */
export function areaField(
  view: View,
  control: Control & { readonly rows?: number; readonly required?: boolean },
): Html {
  const { name, label, rows = 4, required } = control;
  return html`
    <div class="field"><label for="${idOf(name)}">${label}${required === true ? nothing : OPTIONAL}</label>
    <textarea id="${idOf(name)}" name="${name}" rows="${rows}" spellcheck="false"${required === true ? REQUIRED : nothing}
    ${noted(view, control)}>${LINE_END}${held(heldIn(view, control))}</textarea>${notesOf(view, control)}</div>`;
}

/** A file whose text is taken; its form is `isUpload`. */
export const fileField = (view: View, control: Omit<Control, 'value'>): Html =>
  html`<div class="field"><label for="${idOf(control.name)}">${control.label}${OPTIONAL}</label>
  <input id="${idOf(control.name)}" name="${control.name}" type="file"${noted(view, control)}>${notesOf(view, control)}</div>`;

/** One of several, `[value, what people read]`. */
export type Choice = readonly [value: string, text: string];

/** A text of so many characters stands whole in a list that opens, on the narrowest telephone. */
const LISTED_CHARACTERS_MAX = 26;
/** So many are all in sight when the text of one is longer. */
export const CHOICES_SHOWN_MAX = 8;

/** One of several in a list that opens; a few with a longer text are all in sight, where a text goes on in the next line. */
export function choiceField(view: View, control: Control & { readonly choices: readonly Choice[] }): Html {
  const { name, label, choices } = control;
  const before = heldIn(view, control);
  const chosen = choices.some(([value]) => value === before) ? before : (choices[0]?.[0] ?? '');
  if (choices.length <= CHOICES_SHOWN_MAX && choices.some(([, text]) => text.length > LISTED_CHARACTERS_MAX)) {
    const inSight = choices.map(([value, text]) => [value, text, ''] as const);
    return radioField({ ...view, refusal: undefined }, { ...control, value: chosen, choices: inSight });
  }
  const options = choices.map(
    ([value, text]) =>
      html`<option value="${held(value)}"${value === chosen ? html` selected` : nothing}>${text}</option>`,
  );
  return html`
    <div class="field"><label for="${idOf(name)}">${label}</label>
    <select id="${idOf(name)}" name="${name}"${noted(view, control)}>${options}</select>${notesOf(view, control)}</div>`;
}

/** One of several, all in sight, each with a sentence of what it means; empty: its text says it. */
export function radioField(
  view: View,
  control: Control & { readonly choices: readonly (readonly [value: string, text: string, meaning: string])[] },
): Html {
  const { name, label, choices } = control;
  const chosen = heldIn(view, control);
  const items = choices.map(
    ([value, text, meaning]) =>
      html`<label class="choice"><input type="radio" name="${name}" value="${held(value)}"${value === chosen ? html` checked` : nothing}>
      <span><b>${text}</b>${meaning === '' ? nothing : html`<span class="soft">${meaning}</span>`}</span></label>`,
  );
  return html`<fieldset class="field"><legend>${label}</legend>${items}${notesOf(view, control)}</fieldset>`;
}

/** Yes or no: `true` when it is ticked. */
export function checkField(view: View, control: Control): Html {
  const { name, label } = control;
  const isOn = heldIn(view, control) === 'true';
  return html`
    <div class="field"><label class="choice"><input type="checkbox" name="${name}" value="true"${isOn ? html` checked` : nothing}
    ${noted(view, control)}><span><b>${label}</b></span></label>${notesOf(view, control)}</div>`;
}

/** A value that the form takes along. */
export const hiddenField = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${held(value)}">`;

export interface FormParts {
  /** Where it goes; default: the page that it is on. */
  readonly to?: string;
  /** The controls. */
  readonly body: Html | readonly Html[];
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
export function formOf({ viewer }: View, parts: FormParts): Html {
  const { to = '', body, submit, tone = 'primary', back, isInline = false, isUpload = false } = parts;
  if (viewer.kind !== 'person' || viewer.csrf === '') return nothing;
  const action = to === '' ? nothing : html` action="${to}"`;
  const cancel = back === undefined ? nothing : html`<a class="button plain" href="${back}">Cancel</a>`;
  const button = html`<button class="button ${tone}">${submit}</button>`;
  const buttons = isInline ? button : html`<div class="buttons">${button}${cancel}</div>`;
  const encoding = isUpload ? html` enctype="multipart/form-data"` : nothing;
  return html`
    <form method="post"${action}${encoding} class="${isInline ? 'inline' : 'form'}">
    ${hiddenField('csrf', viewer.csrf)}${body}${buttons}</form>`;
}

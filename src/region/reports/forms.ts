// The fields of a rack's event, described so that they can be checked when a rack reports them.

/**
 * The type of a field; with `?` the field is optional. A list gives the only words that a field may hold; such a field is always optional.
 */
export type Form = 'text' | 'text?' | 'number' | 'number?' | 'flag' | 'flag?' | readonly string[];
/** The fields of a kind. */
export type Forms = Readonly<Record<string, Form>>;

/** The type of a field's value. */
export type ValueOf<F> = F extends 'text' | 'text?'
  ? string
  : F extends 'number' | 'number?'
    ? number
    : F extends 'flag' | 'flag?'
      ? boolean
      : F extends readonly (infer Word)[]
        ? Word
        : never;
type Needed<F> = { [N in keyof F]: F[N] extends 'text' | 'number' | 'flag' ? N : never }[keyof F];
/** The parameters that a form describes. */
export type ParamsOf<F> = { readonly [N in Needed<F>]: ValueOf<F[N]> } & {
  readonly [N in Exclude<keyof F, Needed<F>>]?: ValueOf<F[N]> | undefined;
};

/** The writer of each sentence, from its parameters. */
export type Writers<Params> = { readonly [Code in keyof Params]: (params: Params[Code]) => string };

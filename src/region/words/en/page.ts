// Why the page refuses a sign-in or a form.

import type { RefusalTable } from './table.ts';

/** By code. */
export const PAGE = {
  'not-allowed.password': 'The name or the password is wrong.',
  'not-allowed.page': 'Only an administrator may open this page.',
  'not-allowed.other-site': 'This form was sent from another site: open this page and try again.',
  'not-allowed.stale-form': 'This form is older than your sign-in: reload the page and try again.',
  'bad-request.link-user': ({ names }: { readonly names: readonly string[] }) =>
    names.length === 0
      ? 'There is no administrator yet: `rackboot createadmin` makes one.'
      : `There are several administrators: name one (${names.join(', ')}).`,
  'rate-limit.passwords': 'Other passwords are being checked: try again in a moment.',
  'rate-limit.wrong-passwords': 'Too many wrong passwords from your address: wait a little.',
  'rate-limit-network.wrong-passwords': 'Too many wrong passwords from your network: wait a little.',
  'sign-in-by-rack': ({ url }: { readonly url: string | undefined }) =>
    "You cannot sign in through a rack: open the region's own address " +
    `(${url ?? "its host and port are in region.url of the rack's configuration"}).`,
  'field.password-wrong': 'The password is wrong.',
  'field.passwords-differ': 'The passwords differ.',
} as const satisfies RefusalTable;

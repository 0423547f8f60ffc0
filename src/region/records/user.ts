// The account of a person.

export interface User {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  /** Made by `accounts.ts`; never shown. */
  readonly passwordHash: string;
  readonly isAdmin: boolean;
  readonly createdMs: number;
}

/** The changeable fields of a user. */
export type UserChange = Partial<Pick<User, 'passwordHash' | 'isAdmin' | 'email'>>;

/** The same messages in a language without a singular of its own: `x_one` falls away, the rest must all be there. */
export type Translation<T> = {
  [K in keyof T as K extends `${string}_one` ? never : K]: T[K] extends string ? string : Translation<T[K]>;
};

/** What decides where a row goes and which rows of a key remain. */
export interface RowOrder {
  keypos: number;
  type: "set" | "ordered_set" | "bag" | "duplicate_bag";
  deletes: boolean; // Mnesia's streams: {Table, Key} takes back what came before of that key
}

/** Files of YAML that are built into the program as text. */
declare module "*.yaml" {
  const text: string;
  export default text;
}

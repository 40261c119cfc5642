%% The settings, read once from the environment. A malformed value stops the node at start.
-module(erlmcp_sample_config).

-export([load/0, get/1, seed/0]).

%% Largest default for the tables that are not the one SAMPLE_ROWS is about.
-define(SIDE_ROWS, 10000).

-spec load() -> ok.
load() ->
    Rows = integer("SAMPLE_ROWS", 500),
    Side = min(Rows, ?SIDE_ROWS),
    Values = [
        {rows, Rows},
        {side_rows, Side},
        {ets_rows, integer("SAMPLE_ETS_ROWS", Side)},
        {dets_rows, integer("SAMPLE_DETS_ROWS", Side)},
        {seed_ets, choice("SAMPLE_SEED_ETS", "always", ["always", "first"])},
        {writers, integer("SAMPLE_WRITERS", 2)},
        {tps, rate(text("SAMPLE_TPS", "20"))},
        {http_port, integer("SAMPLE_PORT", 9090)},
        {join, join(text("ERLMCP_JOIN", ""))},
        {data_dir, text("ERLMCP_DATA_DIR", "/var/lib/erlmcp")}
    ],
    [ok = application:set_env(erlmcp_sample, Key, Value) || {Key, Value} <- Values],
    persistent_term:put({?MODULE, seed}, integer("SAMPLE_SEED", 1)),
    ok.

-spec get(atom()) -> term().
get(Key) ->
    {ok, Value} = application:get_env(erlmcp_sample, Key),
    Value.

%% Asked for every row that is made.
-spec seed() -> non_neg_integer().
seed() ->
    persistent_term:get({?MODULE, seed}).

%% Compose passes an unset variable on as an empty one.
text(Name, Default) ->
    case os:getenv(Name, "") of
        "" -> Default;
        Text -> Text
    end.

integer(Name, Default) ->
    Text = text(Name, integer_to_list(Default)),
    case string:to_integer(Text) of
        {Value, ""} when Value >= 0 -> Value;
        _ -> error({bad_setting, Name, Text})
    end.

choice(Name, Default, Allowed) ->
    Text = text(Name, Default),
    case lists:member(Text, Allowed) of
        true -> list_to_atom(Text);
        false -> error({bad_setting, Name, Text})
    end.

%% Transactions a second of all writers together; 0 keeps them quiet.
rate("unlimited") ->
    unlimited;
rate(Text) ->
    case string:to_integer(Text) of
        {Value, ""} when Value >= 0 -> Value;
        _ -> error({bad_setting, "SAMPLE_TPS", Text})
    end.

join("") -> none;
join(Node) -> list_to_atom(Node).

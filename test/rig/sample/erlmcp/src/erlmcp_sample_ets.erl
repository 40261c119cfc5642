%% A gen_server that owns most ETS tables.
-module(erlmcp_sample_ets).
-behaviour(gen_server).

-export([start_link/0, touch/1, sync/0, call/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% One of the writers' updates: a public table is changed by the caller, the others by their owner.
-spec touch(pos_integer()) -> ok.
touch(Id) ->
    _ = ets:update_counter(erlmcp_sessions, Id, {2, 1}, erlmcp_sample_rows:row(erlmcp_sessions, Id, 0)),
    gen_server:cast(?MODULE, {touch, Id}).

%% Returns when every touch sent before has been done.
-spec sync() -> ok.
sync() -> call(sync).

call(Request) ->
    gen_server:call(?MODULE, Request, infinity).

init([]) ->
    Tables = [erlmcp_sample_tables:create_ets(Spec) || Spec <- erlmcp_sample_tables:ets()],
    {ok, #{tables => Tables}}.

handle_call(sync, _From, State) ->
    {reply, ok, State};
handle_call({digest, Table}, _From, State) ->
    {reply, erlmcp_sample_digest:ets(Table), State};
handle_call(witness, _From, State) ->
    Sum = ets:foldl(fun(Row, Acc) -> element(2, Row) + Acc end, 0, erlmcp_tokens),
    {reply, #{rows => ets:info(erlmcp_tokens, size), sum => Sum}, State};
handle_call({change, Table, Change}, _From, State) ->
    {reply, change(Table, Change), State};
handle_call({create, Name, Options, Rows}, _From, State) ->
    Table = ets:new(Name, [named_table | Options]),
    {reply, erlmcp_sample_tables:fill_ets(Table, Name, Rows), State};
handle_call({delete, Name}, _From, State) ->
    true = ets:delete(Name),
    {reply, ok, State}.

handle_cast({touch, Id}, State) ->
    Rows = erlmcp_sample_config:get(ets_rows),
    move(1 + Id rem max(Rows, 1), 1 + (Id * 31) rem max(Rows, 1)),
    _ = ets:member(erlmcp_tools, Id) andalso
        ets:update_element(erlmcp_tools, Id, {4, erlmcp_sample_rows:text(touched, Id, Id)}),
    {noreply, State}.

%% Keeps the sum of the balances: nobody but this process ever sees half of it.
move(From, To) ->
    case ets:member(erlmcp_tokens, From) andalso ets:member(erlmcp_tokens, To) of
        true ->
            _ = ets:update_counter(erlmcp_tokens, From, {2, -1}),
            _ = ets:update_counter(erlmcp_tokens, To, {2, 1}),
            ok;
        false ->
            ok
    end.

change(Table, {put, Ids, Version}) ->
    Rows = [erlmcp_sample_rows:changed(Table, Id, Version, ets:lookup(Table, Id)) || Id <- Ids],
    true = ets:insert(Table, Rows),
    length(Rows);
change(Table, {delete, Ids}) ->
    KeyPos = ets:info(Table, keypos),
    Keys = lists:usort([element(KeyPos, erlmcp_sample_rows:row(Table, Id, 0)) || Id <- Ids]),
    [ets:delete(Table, Key) || Key <- Keys],
    length(Keys);
change(Table, last_id) ->
    ets:info(Table, size).
